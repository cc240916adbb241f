"""Finding a place at a model server, and taking it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from servery.domain.leases import Pace, Place, Places, shards

if TYPE_CHECKING:
    from servery.domain.policies import ConcurrencyLimit
    from servery.ports import PlaceTable
    from servery.usecases.gateway.limits import Shared

TRIES = 2
"""How many places of a shard are tried, where others are faster."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the places of a model server.

    Attributes:
        key: Where it is in the table.
        number: Which part.
        size: Places that it has.
    """

    key: str
    number: int
    size: int


@dataclass(slots=True)
class Held:
    """A place that this process has leased.

    Attributes:
        shard: Where.
        place: Which one, and until when.
        scarce: Whether places were scarce when that was last seen.
        seen: When it was.
        started: When the request began that is under way.
        busy: Whether there is one.
        lost: Whether somebody else has taken it, since it could not be renewed.
        unwatch: What ends the watch over it.
    """

    shard: Shard
    place: Place
    scarce: bool
    seen: float
    started: float = 0.0
    busy: bool = False
    lost: bool = False
    unwatch: Callable[[], None] | None = None


@dataclass(slots=True)
class Scope:
    """One model server, as this process knows it.

    Attributes:
        name: Its function.
        pace: How this process has been asked.
        kept: Places that are leased and not in use.
        full: How often in a row all places were found to be taken.
        blind_until: Until when that is taken for granted.
        hasty_until: Until when nobody waits, since it was in vain.
        refused: The limit that the last request was refused by, until that is settled.
    """

    name: str
    pace: Pace = field(default_factory=Pace)
    kept: list[Held] = field(default_factory=list)
    full: int = 0
    blind_until: float = 0.0
    hasty_until: float = 0.0
    refused: ConcurrencyLimit | None = None

    def found(self, held: Held | None, now: float) -> None:
        """A place was found, or all of them were taken: which is remembered for a while."""
        self.full = 0 if held is not None else self.full + 1
        self.blind_until = 0.0 if held is not None else now + self.pace.blind(self.full)

    def reuse(self, limit: ConcurrencyLimit) -> Held | None:
        """The place that was kept last, if there still is such a place; its lease may be over."""
        sizes = shards(limit.at_once)
        while self.kept:
            held = self.kept.pop()
            shard = held.shard
            fits = shard.number < len(sizes) and shard.size == sizes[shard.number]
            if fits and held.place.number < shard.size:
                return held
        return None


class Finder:
    """Finds places and takes them.

    Args:
        table: Who has which.
        shared: What is done where the table is away.
        owner: Name of this process, like no other.
    """

    def __init__(self, table: PlaceTable, shared: Shared, owner: str) -> None:
        self._table = table
        self._shared = shared
        self._owner = owner
        self._spread = zlib.crc32(owner.encode())  # processes begin at different places
        self._turns = count()

    def find(self, scope: Scope, limit: ConcurrencyLimit) -> Held | None:
        """Look at a shard, and at another one if that is full, and take what is free."""
        sizes = shards(limit.at_once)
        turn = next(self._turns)
        home = self._spread % len(sizes)
        other = (home + 1 + turn % (len(sizes) - 1)) % len(sizes) if len(sizes) > 1 else home
        for number in dict.fromkeys((home, other)):
            shard = Shard(f"{scope.name}#{number}", number, sizes[number])
            held = self._find_in(scope, shard, turn)
            if held is not None:
                return held
        return None

    def renew(self, scope: Scope, held: Held) -> Held | None:
        """Have a place that was held for longer, or again; None where somebody else has it."""
        again, places = self._take(scope, held.shard, held.place, scarce=held.scarce)
        now = self._shared.now()
        if again is None and places is not None and not places.free(now):
            scope.found(None, now)
        return again

    def look(self, shard: Shard) -> Places | None:
        """The places of a shard; None where the table is away."""
        return self._shared.ask(lambda: self._table.look(shard.key, shard.size))

    def _find_in(self, scope: Scope, shard: Shard, turn: int) -> Held | None:
        places = self.look(shard)
        for _ in range(TRIES):
            now = self._shared.now()
            free = [] if places is None else places.free(now)
            if places is None or not free:
                return None
            number = free[(self._spread + turn) % len(free)]
            wanted = Place(number, f"{self._owner}.{turn}", 0.0)
            scarce = places.scarce(now, more=1)
            held, places = self._take(scope, shard, wanted, scarce=scarce)
            if held is not None:
                return held
        return None

    def _take(
        self, scope: Scope, shard: Shard, place: Place, *, scarce: bool
    ) -> tuple[Held | None, Places | None]:
        """Take a place: what is held then, and all places as they are."""
        now = self._shared.now()
        wanted = Place(place.number, place.owner, now + scope.pace.lease(scarce=scarce))
        told = self._shared.ask(
            lambda: self._table.take(shard.key, shard.size, wanted, now=now),
        )
        if told is None:
            return None, None
        ours, places = told
        return (Held(shard, wanted, places.scarce(now), now) if ours else None), places
