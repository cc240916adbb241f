"""What people see: progress on standard error; and what machines read: JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from devkit.errors import DevkitError

_WIDTH = 80
_TITLE = 30


@dataclass
class Phase:
    """One thing being done; what it came to is set while it runs."""

    title: str
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Screen:
    """Where a command shows what it does.

    Attributes:
        machine: Whether the result goes to standard output as JSON, and nothing else does.
        console: For people: standard error in a machine's case, else standard output.
        phases: Everything that was done, in the order in which it ended.
    """

    machine: bool = False
    console: Console = field(default_factory=Console)
    phases: list[Phase] = field(default_factory=list)

    @contextlib.contextmanager
    def phase(self, title: str) -> Iterator[Phase]:
        """Show that something is being done and, in the end, what it came to and took."""
        phase, started = Phase(title), time.monotonic()
        with self.console.status(title) if self.console.is_terminal else contextlib.nullcontext():
            yield phase
        phase.seconds = time.monotonic() - started
        self.phases.append(phase)
        self.done(title, phase.detail, phase.seconds)

    @contextlib.contextmanager
    def doing(self) -> Iterator[Callable[[str], None]]:
        """On a terminal, a last line that says what is being done; what is yielded sets it."""
        if not self.console.is_terminal:
            yield lambda _: None
            return
        with self.console.status("") as status:
            yield status.update

    def done(
        self, title: str, detail: str = "", seconds: float | None = None, *, failed: bool = False
    ) -> None:
        """One line for something that is done, or has failed."""
        took = "" if seconds is None else f"{seconds:.1f} s"
        room = min(self.console.width, 100) - len(took) - 3
        mark = ("✗ ", "bold red") if failed else ("✓ ", "green")
        left = Text.assemble(mark, f"{title:<{_TITLE}} ", (detail, "dim"))
        if left.cell_len > room and self.console.is_terminal:
            left.truncate(room, overflow="ellipsis")
        left.pad_right(max(0, room - left.cell_len))
        self.console.print(left, Text(took, style="cyan"), soft_wrap=True)

    def say(self, line: str = "", *, style: str = "") -> None:
        """One line for people; a machine has it in the result."""
        if not self.machine:
            self._line(line, style)

    def note(self, line: str) -> None:
        """One line of progress; where a machine reads the result, people still see it."""
        self._line(line, "dim")

    def show(self, thing: Any) -> None:  # noqa: ANN401 - whatever rich can print
        """Something that rich prints, for people only."""
        if not self.machine:
            self.console.print(thing)

    def result(self, content: Any) -> None:  # noqa: ANN401 - whatever JSON can say
        """The result for machines; people have seen it already."""
        if self.machine:
            sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")

    def interrupted(self) -> None:
        """That it was interrupted, and how it goes on."""
        self._line("Interrupted. The same command again goes on from here.", "yellow")

    def _line(self, line: str, style: str) -> None:
        self.console.print(Text(line, style=style), soft_wrap=True)

    def failure(self, error: DevkitError) -> None:
        """What happened and what to do next."""
        for line in error.details:
            self._line(f"  {line}", "dim")
        self.console.print(Text.assemble(("✗ ", "bold red"), error.message), soft_wrap=True)
        if error.hint:
            self.console.print(Text.assemble(("→ ", "yellow"), error.hint), soft_wrap=True)
        told = {"message": error.message, "hint": error.hint, "details": list(error.details)}
        self.result({"error": told})


def open_screen(*, machine: bool) -> Screen:
    """A screen for this command: 80 columns where the output has no width of its own."""
    stream = sys.stderr if machine else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH
    return Screen(machine, Console(file=stream, width=width, highlight=False, stderr=machine))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> Table:
    """A plain table; figures, that is columns called `time` or `rows`, to the right."""
    made = Table(title=title or None, title_justify="left", title_style="bold", box=None)
    for column in columns:
        right = column in ("time", "rows", "figure")
        made.add_column(
            column, justify="right" if right else "left", header_style="dim", overflow="fold"
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made
