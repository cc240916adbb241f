"""The history of a search: every trial by its score, and the best score until then."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from devkit.search_page import svg
from devkit.search_page.scales import scores, sentence
from devkit.search_study import nice

if TYPE_CHECKING:
    from devkit.search_page.scales import Scores
    from devkit.search_study import Study, Trial

_WIDTH, _HEIGHT = 1000.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 16.0, 42.0, 44.0
_FAILED = 22.0  # height of the strip in which failed trials are
_COLOURS = 8


class _Frame:
    """Where what is."""

    def __init__(self, study: Study) -> None:
        self.scores: Scores = scores(study)
        self._count = max((t.number for t in study.trials), default=0) + 1
        self.failed = any(not t.done for t in study.trials)
        self.floor = _HEIGHT - _BOTTOM - (_FAILED if self.failed else 0)

    def x(self, number: float) -> float:
        """Of a trial."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number + 0.5) / self._count

    def y(self, score: float) -> float:
        """Of a score."""
        return self.floor - (self.floor - _TOP) * self.scores.place(score)

    def trials(self) -> list[int]:
        """Numbers that are labelled."""
        return [int(n) for n in nice(0, max(1, self._count - 1), 10) if n == int(n)]


def history(study: Study) -> str:
    """The chart."""
    frame = _Frame(study)
    parts = [*_grid(study, frame), *_rungs(study, frame), *_leading(study, frame)]
    parts += [_mark(study, frame, trial) for trial in study.trials]
    return svg.document(_WIDTH, _HEIGHT, parts, f"{study.metric} of each trial")


def _grid(study: Study, frame: _Frame) -> list[str]:
    parts = []
    for place, label in frame.scores.ticks():
        y = frame.floor - (frame.floor - _TOP) * place
        parts.append(svg.line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(svg.text(label, _LEFT - 8, y + 4, "dim", "end"))
    base = _HEIGHT - _BOTTOM
    parts += [svg.text(str(n), frame.x(n), base + 18, "dim", "middle") for n in frame.trials()]
    parts.append(svg.text("trial", (_LEFT + _WIDTH - _RIGHT) / 2, base + 38, "dim", "middle"))
    better = "more is better" if study.higher else "less is better: up is better here"
    parts.append(svg.text(f"{study.metric}, mean over the folds ({better})", 4, 13, "dim"))
    if frame.failed:
        parts.append(svg.text("failed", _LEFT - 8, base - 4, "dim", "end"))
    return parts


def _rungs(study: Study, frame: _Frame) -> list[str]:
    """Where a rung of successive halving begins."""
    parts, before = [], -1 if study.last_rung else 0
    for trial in study.trials:
        if trial.rung != before:
            x = frame.x(trial.number - 0.5)
            if before >= 0:
                parts.append(svg.line(x, _TOP, x, _HEIGHT - _BOTTOM, "rung"))
            parts.append(svg.text(_rung(study, trial), x + 4, _TOP - 6, "dim"))
            before = trial.rung
    return parts


def _rung(study: Study, trial: Trial) -> str:
    if trial.resource is None:
        return f"rung {trial.rung + 1}"
    return f"rung {trial.rung + 1}: {trial.resource:,} {study.resource}"


def _leading(study: Study, frame: _Frame) -> list[str]:
    """The best score so far, as steps; each rung begins anew."""
    parts: list[str] = []
    steps: list[tuple[float, float]] = []
    rung = 0
    for trial, best in study.leading():
        if trial.rung != rung:
            parts.append(_steps(steps))
            steps, rung = [], trial.rung
        x, y = frame.x(trial.number), frame.y(best)
        if steps:
            steps.append((x, steps[-1][1]))
        steps.append((x, y))
    return [part for part in [*parts, _steps(steps)] if part]


def _steps(points: list[tuple[float, float]]) -> str:
    return f'<path class="best-line" d="{svg.path(points)}"/>' if points else ""


def _mark(study: Study, frame: _Frame, trial: Trial) -> str:
    x = frame.x(trial.number)
    shape = ""
    if not trial.done or trial.score is None:
        y = _HEIGHT - _BOTTOM - _FAILED / 2
        kind = "failed" if trial.state == "failed" else "open"
        shape = f'<path class="{kind}" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"/>'
    elif frame.scores.beyond(trial.score):
        y = frame.y(trial.score)
        shape = f'<path class="dot" d="M{x - 5:.1f} {y - 6:.1f}h10l-5 8z"/>'
    else:
        y = frame.y(trial.score)
        shape = f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    best = study.best
    crown = ""
    if best is not None and best.number == trial.number:
        crown = f'<circle class="crown" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
    return (
        f'<g class="trial c{trial.candidate % _COLOURS}" data-trial="{trial.number}"'
        f' data-candidate="{trial.candidate}"><title>{escape(sentence(study, trial))}</title>'
        f'{crown}{shape}<circle class="reach" cx="{x:.1f}" cy="{y:.1f}" r="11"/></g>'
    )
