"""The cache's table for who has time: it waits out what a request would not wait for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from servery.adapters.dynamodb_rows import AWAY_SECONDS
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from servery.adapters.dynamodb_rows import DynamoDbRows
    from servery.domain.cached_rows import CachedRow

TRIES = 4
FLUSH_SECONDS = 30.0


class PatientTable:
    """Reads and writes rows, and tries again when the table has failed.

    Args:
        rows: The table.
        wait: Waits for so many seconds.
    """

    def __init__(self, rows: DynamoDbRows, wait: Callable[[float], None]) -> None:
        self._rows = rows
        self._wait = wait

    def read(self, places: Collection[str]) -> dict[str, CachedRow]:
        """What there is at these places.

        Raises:
            UnavailableError: the table does not answer.
        """
        for attempt in range(TRIES):
            self._pause(attempt)
            found = self._rows.read(places, fresh=True)
            if found is not None:
                return found
        raise UnavailableError("the table of the cache does not answer")

    def write(self, rows: Sequence[CachedRow]) -> None:
        """Write rows; twice is as good as once.

        Raises:
            UnavailableError: the table does not take them.
        """
        for attempt in range(TRIES):
            self._pause(attempt)
            self._rows.keep(rows)
            self._rows.flush(FLUSH_SECONDS)
            if not self._rows.away:
                return
        raise UnavailableError("the table of the cache takes nothing")

    def _pause(self, attempt: int) -> None:
        if attempt:
            self._wait(AWAY_SECONDS + 0.1)
