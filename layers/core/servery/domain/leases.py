"""Places at a model server, leased for a time: who has which, and how long one is worth keeping.

There are as many places as requests may be with the server at once. A process takes one by a
conditional write and keeps it over several requests, so the more there is to do, the less is
written for each request. What a process keeps and does not use is lost to the others, so it
keeps a place only if the next request comes soon, or if there are enough places for all; how
soon, and how long, was found by simulation (`tests/benchmarks/overload.py` shows the outcome).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

SHARD = 32
"""Places that one item of the table holds."""
FEW = 0.7
"""Part of the places up to which they are no scarce good."""
REQUESTS = 8
"""A lease is as long as so many requests take."""
PLENTY = 4
"""It is so many times as long while places are not scarce."""
SOON = 0.8
"""A place is kept where the gap between requests is shorter than this part of one request."""
LEAST_SECONDS, MOST_SECONDS = 0.25, 60.0
FIRST_SECONDS = 0.1  # what a request takes, before anything is known
WEIGHT = 0.2
GAP_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """A place that is leased, or was.

    Attributes:
        number: Which, from 0.
        owner: Who has it.
        until: When the lease ends, seconds since the epoch.
    """

    number: int
    owner: str
    until: float


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one shard, as they were at a time.

    Attributes:
        size: How many there are.
        leased: Those that somebody has or had; others were never taken or were given back.
    """

    size: int
    leased: tuple[Place, ...] = ()

    def live(self, now: float) -> int:
        """How many are taken."""
        return sum(1 for place in self.leased if place.until > now and place.number < self.size)

    def free(self, now: float) -> list[int]:
        """The numbers of those that are not taken."""
        taken = {place.number for place in self.leased if place.until > now}
        return [number for number in range(self.size) if number not in taken]

    def scarce(self, now: float, more: int = 0) -> bool:
        """Whether more of them are taken than would leave enough for everybody.

        Args:
            now: The time.
            more: How many are about to be taken.
        """
        return self.live(now) + more > self.size * FEW


def shards(at_once: int) -> list[int]:
    """The sizes of the shards that so many places are spread over, as equal as can be."""
    count = ceil(at_once / SHARD)
    return [at_once // count + (1 if shard < at_once % count else 0) for shard in range(count)]


@dataclass(slots=True)
class Pace:
    """How a process has been asked lately.

    Attributes:
        service: Seconds that a request is with the server.
        gap: Seconds between the end of one request and the start of the next.
    """

    service: float = FIRST_SECONDS
    gap: float = 1.0
    _ended: float = field(default=float("-inf"))

    def begin(self, now: float) -> None:
        """A request has come."""
        gap = min(1.0, max(0.0, now - self._ended))
        self.gap += GAP_WEIGHT * (gap - self.gap)

    def end(self, now: float, service: float | None = None) -> None:
        """It is over; `service` where it was with the server."""
        self._ended = now
        if service is not None:
            self.service += WEIGHT * (service - self.service)

    @property
    def soon(self) -> bool:
        """Whether the next request is likely to come before much of a lease is wasted."""
        return self.gap < SOON * self.service

    def lease(self, *, scarce: bool) -> float:
        """Seconds for which to take a place."""
        seconds = max(LEAST_SECONDS, REQUESTS * self.service) * (1 if scarce else PLENTY)
        return min(MOST_SECONDS, seconds)

    @property
    def margin(self) -> float:
        """Seconds before its end at which the lease of a running request is renewed."""
        return min(1.0, max(0.03, self.service / 4))

    def blind(self, times: int) -> float:
        """Seconds for which it is remembered that all places were taken, so often in a row."""
        seconds = max(0.008, self.service / 6) * 2.0 ** min(times - 1, 3)
        return min(0.2, self.service, seconds)
