"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class SetClock:
    """Stands still until it is told to go on.

    Args:
        now: Where it starts; with its zone.
    """

    def __init__(self, now: datetime = EPOCH) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time that it was set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by some seconds."""
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        """Go to a time."""
        self._now = now
