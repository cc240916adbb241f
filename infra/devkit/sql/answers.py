"""What a query is answered, whoever answered it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError
from devkit.screen import table
from devkit.sql.views import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devkit.screen import Screen

_MOST_CELL = 60


@dataclass(frozen=True)
class Rows:
    """Rows.

    Attributes:
        columns: Their names.
        rows: The values, in the order of the columns.
        more: Whether there are more of them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    more: bool = False

    def plain(self) -> list[dict[str, Any]]:
        """For machines."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def csv(self) -> str:
        """As CSV with a header; null is the empty text."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()

    def show(self, screen: Screen) -> None:
        """For people."""
        cells = [[_cell(value) for value in row] for row in self.rows]
        screen.show(table(list(self.columns), cells))
        count = f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'}"
        more = ", and there are more: --limit shows them" if self.more else ""
        screen.say(f"{count}{more}", style="dim")


def refused(sentence: str) -> DevkitError:
    """A query that nobody can answer, with the names that there are."""
    told = tuple(f"{name}: {', '.join(columns)}" for name, columns in names().items())
    return DevkitError(sentence, "The tables and their columns are listed above.", details=told)


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a database has
    text = "" if value is None else str(value)
    return text if len(text) <= _MOST_CELL else text[: _MOST_CELL - 1] + "…"
