"""The history of a search as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from devkit.search_figures import scored
from devkit.search_page.scales import scores

if TYPE_CHECKING:
    from devkit.search_page.scales import Scores
    from devkit.search_study import Study

_HEIGHT, _WIDTH, _LEFT = 9, 64, 10
_STYLES = ("cyan", "yellow", "green", "magenta", "blue", "bright_green", "white", "bright_cyan")
_FAILED = "✗"
_TOGETHER = "\N{NO-BREAK SPACE}"


class _Canvas:
    """Cells of one character; a column stands for several trials where there are many."""

    def __init__(self, study: Study) -> None:
        self.scale: Scores = scores(study)
        self._count = max(trial.number for trial in study.trials) + 1
        self.width = min(_WIDTH, max(self._count, 2) * max(1, _WIDTH // self._count))
        self.cells = [[(" ", "")] * self.width for _ in range(_HEIGHT)]
        self.failed = [(" ", "")] * self.width

    def column(self, number: int) -> int:
        """Of a trial."""
        return number * self.width // self._count

    def row(self, score: float) -> int:
        """Of a score; the best is at the top."""
        return round((1 - self.scale.place(score)) * (_HEIGHT - 1))

    def draw(self, study: Study) -> None:
        """The best so far as a line, then the trials, the best of each column on top."""
        for trial, best in study.leading():
            first = self.column(trial.number)
            for column in range(first, max(self.column(trial.number + 1), first + 1)):
                self.cells[self.row(best)][column] = ("─", "dim")
        for trial in reversed(study.ranked):
            style = _STYLES[trial.candidate % len(_STYLES)]
            self.cells[self.row(trial.score or 0.0)][self.column(trial.number)] = ("●", style)
        for trial in study.trials:
            if trial.state == "failed":
                self.failed[self.column(trial.number)] = (_FAILED, "red")
        best_trial = study.best
        if best_trial is not None:
            row = self.cells[self.row(best_trial.score or 0.0)]
            row[self.column(best_trial.number)] = ("◆", "bold red")

    def lines(self) -> list[Text]:
        """What was drawn, with its scales."""
        low, high = self.scale.axis.low, self.scale.axis.high
        drawn = []
        for number, row in enumerate(self.cells):
            share = number / (_HEIGHT - 1)
            share = 1 - share if self.scale.higher else share
            label = scored(low + share * (high - low)) if number % 4 == 0 else ""
            drawn.append(_line(label, row))
        if any(cell == _FAILED for cell, _ in self.failed):
            drawn.append(_line("failed", self.failed))
        last = f"trial {self._count - 1}"
        numbers = Text(" " * _LEFT + "0" + last.rjust(self.width - 1), style="dim")
        return [*drawn, _line("", [("─", "dim")] * self.width), numbers]


def chart(study: Study) -> list[Text]:
    """A point for each trial in the colour of its architecture, and the best so far as a line.

    A trial that failed is a cross below; nothing is drawn before there is a score.
    """
    if not study.ranked:
        return []
    canvas = _Canvas(study)
    canvas.draw(study)
    return [*canvas.lines(), _legend(study)]


def _legend(study: Study) -> Text:
    """The architectures by their colours."""
    used = {trial.candidate for trial in study.trials}
    parts: list[tuple[str, str] | str] = []
    for each in study.architectures:
        if each.number in used:
            parts += [(f"●{_TOGETHER}", _STYLES[each.number % len(_STYLES)]), f"{each.name}   "]
    return Text.assemble(" " * _LEFT, *parts, (f"◆{_TOGETHER}", "bold red"), f"the{_TOGETHER}best")


def _line(label: str, cells: list[tuple[str, str]]) -> Text:
    return Text.assemble((f"{label:>{_LEFT - 2}}  ", "dim"), *cells)
