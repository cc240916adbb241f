"""Shared limits in memory, with the promises of the ports and of the real ones."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from servery.domain.leases import Place, Places
from servery.domain.token_bucket import Bucket
from servery.errors import UnavailableError


class _Table:
    """Counts its calls, and does not answer while it is away.

    Attributes:
        calls: How often each of its methods was called.
        away: Whether it is.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.away = False
        self._lock = threading.Lock()

    def _called(self, name: str) -> None:
        self.calls[name] += 1
        if self.away:
            raise UnavailableError("the table is away")


class MemoryPlaces(_Table):
    """The places of all shards."""

    def __init__(self) -> None:
        super().__init__()
        self.leased: dict[str, dict[int, Place]] = {}

    def look(self, shard: str, size: int) -> Places:
        self._called("look")
        return self._places(shard, size)

    def take(self, shard: str, size: int, wanted: Place, *, now: float) -> tuple[bool, Places]:
        self._called("take")
        with self._lock:
            held = self.leased.setdefault(shard, {}).get(wanted.number)
            ours = held is None or held.until <= now or held.owner == wanted.owner
            if ours:
                self.leased[shard][wanted.number] = wanted
            return ours, self._places(shard, size)

    def give_back(self, shard: str, place: Place) -> None:
        self._called("give_back")
        with self._lock:
            held = self.leased.get(shard, {}).get(place.number)
            if held is not None and held.owner == place.owner:
                del self.leased[shard][place.number]

    def _places(self, shard: str, size: int) -> Places:
        return Places(size, tuple(self.leased.get(shard, {}).values()))


class MemoryTokens(_Table):
    """The buckets of all scopes."""

    def __init__(self) -> None:
        super().__init__()
        self.full_at: dict[str, float] = {}

    def draw(self, scope: str, bucket: Bucket, tokens: int, *, now: float) -> tuple[int, float]:
        self._called("draw")
        with self._lock:
            full_at = self.full_at.get(scope, 0.0)
            drawn = min(tokens, bucket.available(full_at, now))
            if drawn:
                self.full_at[scope] = max(full_at, now) + drawn * bucket.each
            return drawn, self.full_at.get(scope, 0.0)


class HandKeeper:
    """Watches that a test wakes.

    Attributes:
        watches: When each is due, and what it does then.
    """

    def __init__(self) -> None:
        self.watches: dict[object, tuple[float, Callable[[], float | None]]] = {}

    def watch(self, at: float, renew: Callable[[], float | None]) -> Callable[[], None]:
        ticket = object()
        self.watches[ticket] = (at, renew)
        return lambda: self.watches.pop(ticket, None) and None

    def wake(self, now: float) -> None:
        """Do what is due."""
        for ticket, (at, renew) in list(self.watches.items()):
            if at <= now:
                again = renew()
                if again is None:
                    self.watches.pop(ticket, None)
                else:
                    self.watches[ticket] = (again, renew)
