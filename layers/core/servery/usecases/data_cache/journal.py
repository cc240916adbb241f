"""How far a warm-up is: its record, and the time that is left for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

if TYPE_CHECKING:
    from servery.domain.warm_ups import WarmUp
    from servery.ports import Clock
    from servery.ports.warming import WarmUpStore

TOLD_SECONDS = 2.0


class Journal:
    """The record of a warm-up under way.

    Args:
        warm_up: As it was started.
        store: Where it is kept.
        clock: The time.
        until: When it has to come to its end, seconds since the epoch.

    Attributes:
        warm_up: As it was told last.
    """

    def __init__(self, warm_up: WarmUp, store: WarmUpStore, clock: Clock, until: float) -> None:
        self.warm_up = warm_up
        self._store = store
        self._clock = clock
        self._until = until
        self._told = float("-inf")

    def tell(self, **changes: Any) -> None:  # noqa: ANN401
        """Record how far it is."""
        now = self._clock.now()
        self.warm_up = structs.replace(self.warm_up, updated=now.isoformat(), **changes)
        self._store.put(self.warm_up)
        self._told = now.timestamp()

    def goes_on(self, **changes: int) -> bool:
        """Whether there is time left; recorded now and then."""
        now = self._clock.now().timestamp()
        if now - self._told >= TOLD_SECONDS:
            self.tell(**changes)
        return now < self._until
