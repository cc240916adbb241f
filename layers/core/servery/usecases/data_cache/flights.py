"""One asks the model for rows, and whoever wants the same ones at the same time waits for him."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.cached_rows import CachedRow
    from servery.ports import Clock
    from servery.ports.data_cache import RowTable

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.06
_GROWTH = 1.5


class _End(Enum):
    ARRIVED = "arrived"
    GIVEN_UP = "given up"
    TIME_IS_UP = "time is up"


class Flights:
    """Joins flights.

    Args:
        table: Where they are.
        clock: What their time goes by; processes have the same within milliseconds.
        wait: Waits for so many seconds.
        name: Makes a name that nobody else has.
    """

    def __init__(
        self,
        table: RowTable,
        clock: Clock,
        wait: Callable[[float], None],
        name: Callable[[], str],
    ) -> None:
        self._table = table
        self._clock = clock
        self._wait = wait
        self._name = name

    def join(
        self, flight: str, last: str, arrived: Callable[[CachedRow], bool], seconds: float
    ) -> str:
        """Take off, or wait for who has.

        Who takes off does not land when he has his rows: one who looked just before they were
        written would take off again. His time runs out by itself.

        Args:
            flight: Its place.
            last: The place that is written last.
            arrived: Whether what is there is what is waited for.
            seconds: How long a flight takes, and how long it is waited for.

        Returns:
            Our name where we took off; empty where others did, or nobody knows.
        """
        owner, until = self._name(), self._now() + seconds
        while True:
            now = self._now()
            ours = self._table.take_off(flight, owner, now=now, until=now + seconds)
            if ours is not False:
                return owner if ours else ""
            if self._attend(flight, last, arrived, until) is not _End.GIVEN_UP:
                return ""

    def _attend(
        self, flight: str, last: str, arrived: Callable[[CachedRow], bool], until: float
    ) -> _End:
        pause = FIRST_PAUSE
        while (left := until - self._now()) > 0:
            self._wait(min(pause, left))
            pause = min(pause * _GROWTH, LONGEST_PAUSE)
            seen = self._table.watch(flight, last, now=self._now())
            if seen is None:
                break
            if seen.row is not None and arrived(seen.row):
                return _End.ARRIVED
            if not seen.flying:
                return _End.GIVEN_UP
        return _End.TIME_IS_UP

    def _now(self) -> float:
        return self._clock.now().timestamp()
