"""What the shared limits are kept in, or is away: then requests are let through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from servery.errors import ServeryError

if TYPE_CHECKING:
    from servery.ports import Clock

AWAY_SECONDS = 5.0
"""How long a table that failed is not asked again."""

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
            return what()
        except ServeryError:
            self._away_until = self.now() + AWAY_SECONDS
            self.count(LIMITER_ERRORS)
            return None

    def count(self, what: str) -> None:
        """Count something."""
        self._tell(what)
