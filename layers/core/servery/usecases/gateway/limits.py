"""What the shared limits are kept in, or is away: then requests are let through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from servery.errors import ServeryError

if TYPE_CHECKING:
    from servery.ports import Clock

AWAY_SECONDS = 0.5
MOST_AWAY_SECONDS = 5.0
"""How long a table that failed is not asked again; twice as long each time, up to this."""

LIMITER_ERRORS = "LimiterErrors"
LIMITER_OVERRUNS = "LimiterOverruns"

T = TypeVar("T")


class Shared:
    """A table that may fail without anybody being refused for it.

    Args:
        clock: What the pause goes by.
        tell: Told the name of what is counted.
    """

    def __init__(self, clock: Clock, tell: Callable[[str], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._failures = 0
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        """Whether it failed a moment ago."""
        return self.now() < self._away_until

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now().timestamp()

    def ask(self, what: Callable[[], T]) -> T | None:
        """What the table says; None where it is away, which is counted."""
        if self.away:
            return None
        try:
            answer = what()
        except ServeryError:
            away = min(MOST_AWAY_SECONDS, AWAY_SECONDS * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._away_until = self.now() + away
            self.count(LIMITER_ERRORS)
            return None
        self._failures = 0
        return answer

    def count(self, what: str) -> None:
        """Count something."""
        self._tell(what)
