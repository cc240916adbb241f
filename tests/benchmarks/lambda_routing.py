"""Execution environments as Lambda routes to them: one request each, the last used one first."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

STOP = None


@dataclass(slots=True)
class Server:
    """A model server: so many at a time, each for so long, and a queue behind.

    Attributes:
        at_a_time: How many.
        seconds: How long.
        most: The most that were there at once.
    """

    at_a_time: int
    seconds: float
    most: int = 0
    _free: list[float] = field(default_factory=list)
    _there: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _there_lock: threading.Lock = field(default_factory=threading.Lock)

    def book(self) -> float:
        """A request has come: the moment (monotonic) at which it will be answered."""
        with self._lock:
            now = time.monotonic()
            if not self._free:
                self._free = [now] * self.at_a_time
            end = max(now, heapq.heappop(self._free)) + self.seconds
            heapq.heappush(self._free, end)
            return end

    def ask(self, patience: float) -> bool:
        """Have a request answered; whether that was before the caller's patience was over.

        The server goes on with what nobody waits for any longer.
        """
        with self._there_lock:
            self._there += 1
            self.most = max(self.most, self._there)
        wait = self.book() - time.monotonic()
        time.sleep(max(0.0, min(wait, patience)))
        with self._there_lock:
            self._there -= 1
        return wait <= patience


Serve = Callable[[float], None]
"""Serves a request that came at a time of the monotonic clock."""


class Environments:
    """As many processes as are busy at once, made as they are needed.

    Args:
        make: Makes what serves the requests of one process, and what it does after each response.
        routing: `recent`: the one that was used last takes the next request; `random`: any.
        most: How many there may be (reserved concurrency).
    """

    def __init__(
        self, make: Callable[[int], tuple[Serve, Callable[[], None]]], routing: str, most: int
    ):
        self._make = make
        self._most = most
        self._random = random.Random(7) if routing == "random" else None  # noqa: S311
        self._idle: list[SimpleQueue[float | None]] = []
        self._all: list[tuple[SimpleQueue[float | None], threading.Thread]] = []
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._all)

    def send(self, came: float) -> bool:
        """Hand a request to a process that is idle, or to a new one; False where all are busy."""
        with self._lock:
            if self._idle:
                place = -1 if self._random is None else self._random.randrange(len(self._idle))
                inbox = self._idle.pop(place)
            elif len(self._all) >= self._most:
                return False
            else:
                inbox = SimpleQueue()
                thread = threading.Thread(
                    target=self._run, args=(inbox, *self._make(len(self._all))), daemon=True
                )
                self._all.append((inbox, thread))
                thread.start()
        inbox.put(came)
        return True

    def stop(self) -> None:
        """End all of them, once they are done."""
        for inbox, _ in self._all:
            inbox.put(STOP)
        for _, thread in self._all:
            thread.join()

    def _run(self, inbox: SimpleQueue[float | None], serve: Serve, after: Callable[[], None]):
        while (came := inbox.get()) is not None:
            serve(came)
            after()
            with self._lock:
                self._idle.append(inbox)


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """When requests come: exactly `rate * seconds` of them, at random times, in order.

    That is a Poisson process of which the number is known, so that two runs are offered the same.
    """
    draw = random.Random(seed)  # noqa: S311
    return sorted(draw.uniform(0, seconds) for _ in range(round(rate * seconds)))


def replay(times: list[float], send: Callable[[float], object]) -> None:
    """Send requests at their times, from now on."""
    start = time.monotonic() + 0.05
    for each in times:
        wait = start + each - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        send(start + each)
