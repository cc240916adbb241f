"""The lake as whoever scores, watches and reports reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


class LakeTables(Protocol):
    """JSON lines by table and model, each once, one after the other; nothing is held whole.

    Those of objects that were written later come first. Where objects become others while they
    are read, so that a line might lack or come twice, it is `UnavailableError`: what was read is
    to be read again, all of it.
    """

    def days(self, table: str, model: str, days: Sequence[str]) -> Iterator[bytes]:
        """The lines of a model and of some days, in the order of the days.

        Args:
            table: predictions, labels, events or comparisons.
            model: Name of the model.
            days: `2026-03-01`, UTC.
        """
        ...

    def window(self, table: str, model: str, since: datetime, until: datetime) -> Iterator[bytes]:
        """The lines of a model that may be of this time; some from before and after are among them.

        Args:
            table: As above.
            model: Name of the model.
            since: Begin of the window.
            until: End of it; lines of its whole day may come.
        """
        ...
