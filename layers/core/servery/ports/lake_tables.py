"""The lake as reports read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class LakeTables(Protocol):
    """Lines by table, model and day, one after the other; nothing is held whole."""

    def lines(self, table: str, model: str, day: str) -> Iterator[bytes]:
        """The JSON lines of a model and a day, in no order; none where there are none.

        Args:
            table: predictions, labels or comparisons.
            model: Name of the model.
            day: `2026-03-01`, UTC.
        """
        ...
