"""Labels as whoever scores predictions takes them: by request and row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from servery.domain.predicted import Class

Labels = Mapping[str, Mapping[int, "Class"]]
"""By request and row."""


class Told(Protocol):
    """A line that says what was true of a row."""

    @property
    def request_id(self) -> str:
        """Which request."""

    @property
    def row(self) -> int:
        """Which of its rows."""

    @property
    def label(self) -> Class:
        """What was true."""

    @property
    def time(self) -> str:
        """When it was told, ISO 8601."""


def read_labels(lines: Iterable[Told]) -> dict[str, dict[int, Class]]:
    """Labels by request and row; of several for one row the last one that was told holds."""
    found: dict[str, dict[int, Class]] = {}
    told: dict[tuple[str, int], str] = {}
    for line in lines:
        place = (line.request_id, line.row)
        if told.get(place, "") <= line.time:
            told[place] = line.time
            found.setdefault(line.request_id, {})[line.row] = line.label
    return found
