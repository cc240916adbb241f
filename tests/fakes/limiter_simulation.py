"""Many processes with the real limiter in front of one model server, in simulated time.

Events are simulated, the limiter is not: each process has one of its own, and all of them share
a table in memory of which every call takes a few milliseconds of simulated time. A call is in
force when it is made, a little earlier than it would be.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
from fakes.limits import HandKeeper, MemoryPlaces, MemoryTokens
from fakes.records import a_ref, a_server
from servery.domain.deployment import Deployment, Served, crown
from servery.domain.policies import CircuitPolicy, Policies
from servery.errors import RefusedError
from servery.usecases.gateway.admitting import Admissions

START = 1_700_000_000.0


def limited(circuit: CircuitPolicy | None, function: str = "server:1") -> tuple[Deployment, Served]:
    """A deployment with a circuit, and its champion."""
    server = msgspec.structs.replace(a_server(), function=function)
    served = Served(ref=a_ref(), server=server)
    deployment = crown(None, served, now=0.0, reason="released")
    return msgspec.structs.replace(deployment, policies=Policies(circuit=circuit)), served


@dataclass(slots=True)
class Outcome:
    """What came of it; times in seconds.

    Attributes:
        offered: Requests.
        accepted: How long each accepted one took.
        refused: How long each refused one took.
        most: The most requests that were with the server at once.
        processes: How many processes there were.
        writes: Writes to the table.
        reads: Reads of it.
    """

    offered: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    most: int = 0
    processes: int = 0
    writes: int = 0
    reads: int = 0


class _Clock:
    """The simulated time, and what calls have taken since the last event."""

    def __init__(self, world: Simulation, wrong: float) -> None:
        self._world = world
        self._wrong = wrong
        self.spent = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._world.now + self.spent + self._wrong, UTC)


class _Slow:
    """A table of which every call takes a while."""

    def __init__(self, table: Any, clock: _Clock, world: Simulation) -> None:
        self._table = table
        self._clock = clock
        self._world = world

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            answer = getattr(self._table, name)(*args, **named)
            self._clock.spent += self._world.call_seconds
            return answer

        return call


@dataclass(slots=True)
class _Process:
    admissions: Admissions
    clock: _Clock
    keeper: HandKeeper
    place: AbstractContextManager[object] | None = None


class Simulation:
    """Offers requests to processes.

    Args:
        circuit: The policy.
        at_a_time: How many requests the server works on at once; the others queue.
        service: Seconds that one takes, from a generator of random numbers.
        routing: `recent`, as Lambda does it, or `random`.
        call_seconds: What a call of the table takes.
        own_seconds: What the process takes for itself, for any request.
        wrong: Seconds by which the clocks of processes are wrong, at the most, either way.
        deaths: Share of requests in the middle of which a process ends, and says nothing.
        seed: Of the arrivals.
    """

    def __init__(
        self,
        circuit: CircuitPolicy | None,
        *,
        at_a_time: int = 8,
        service: Callable[[random.Random], float] = lambda _: 0.05,
        routing: str = "recent",
        call_seconds: float = 0.004,
        own_seconds: float = 0.001,
        wrong: float = 0.0,
        deaths: float = 0.0,
        seed: int = 1,
    ) -> None:
        self.now = START
        self.call_seconds = call_seconds
        self.places, self.tokens = MemoryPlaces(), MemoryTokens()
        self._deployment, self._served = limited(circuit)
        self._wrong, self._deaths = wrong, deaths
        self.told: Counter[str] = Counter()
        self._service, self._own, self._routing = service, own_seconds, routing
        self._random = random.Random(seed)  # noqa: S311
        self._free = [START] * at_a_time
        self._idle: list[_Process] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._there = self._processes = 0
        self._from = START
        self.outcome = Outcome()

    def offer(self, rate: float, seconds: float, warm_up: float = 3.0) -> Outcome:
        """Offer so many requests a second, at random times; those of the warm-up do not count."""
        self._from = START + warm_up
        until = self._from + seconds
        number = round(rate * (seconds + warm_up))
        for at in sorted(self._random.uniform(START, until) for _ in range(number)):
            self._at(at, self._arrive)
        self._at(self._from, self._count_from_here)
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
        calls = self.places.calls + self.tokens.calls
        self.outcome.reads = calls["look"]
        self.outcome.writes = calls.total() - calls["look"]
        self.outcome.processes = self._processes
        return self.outcome

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        """Have something happen, so many seconds after the start."""
        self._at(START + seconds, event)

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    def _count_from_here(self) -> None:
        self.places.calls.clear()
        self.tokens.calls.clear()

    def _arrive(self) -> None:
        if not self._idle:
            process = self._new()
        elif self._routing == "recent":
            process = self._idle.pop()
        else:
            process = self._idle.pop(self._random.randrange(len(self._idle)))
        came = self.now
        self.outcome.offered += came >= self._from
        process.clock.spent = self._own
        process.place = process.admissions.admit(self._deployment, self._served)
        try:
            process.place.__enter__()
        except RefusedError:
            self._at(came + process.clock.spent, lambda: self._refused(process, came))
        else:
            self._at(came + process.clock.spent, lambda: self._served_by(process, came))

    def _served_by(self, process: _Process, came: float) -> None:
        process.clock.spent = 0.0
        self._there += 1
        self.outcome.most = max(self.outcome.most, self._there)
        end = max(self.now, heapq.heappop(self._free)) + self._service(self._random)
        heapq.heappush(self._free, end)
        self._keep(process)
        self._at(end, lambda: self._done(process, came))

    def _keep(self, process: _Process) -> None:
        """Wake the keeper when the next watch is due."""
        for at, _ in list(process.keeper.watches.values()):
            self._at(max(at, self.now) + 2 * self._wrong + 1e-5, lambda: self._wake(process))

    def _wake(self, process: _Process) -> None:
        process.clock.spent = 0.0
        now = process.clock.now().timestamp()
        if any(at <= now for at, _ in process.keeper.watches.values()):
            process.keeper.wake(now)
            self._keep(process)

    def _done(self, process: _Process, came: float) -> None:
        process.clock.spent = 0.0
        self._there -= 1
        if self._random.random() < self._deaths:
            process.keeper.watches.clear()
            return
        if process.place is not None:
            process.place.__exit__(None, None, None)
        if came >= self._from:
            self.outcome.accepted.append(self.now - came)
        self._after(process)

    def _refused(self, process: _Process, came: float) -> None:
        process.clock.spent = 0.0
        if came >= self._from:
            self.outcome.refused.append(self.now - came)
        self._after(process)

    def _after(self, process: _Process) -> None:
        """What is done after the response keeps the process from the next request."""
        process.admissions.settle()
        spent = process.clock.spent
        self._at(self.now + spent, lambda: self._idle.append(process))

    def _new(self) -> _Process:
        clock = _Clock(self, self._random.uniform(-self._wrong, self._wrong))
        keeper = HandKeeper()
        self._processes += 1

        def sleep(seconds: float) -> None:
            clock.spent += seconds

        admissions = Admissions(
            _Slow(self.tokens, clock, self),
            _Slow(self.places, clock, self),
            keeper,
            clock,
            owner=f"{self._processes:08x}",
            tell=lambda what: self.told.update([what]),
            sleep=sleep,
        )
        return _Process(admissions, clock, keeper)
