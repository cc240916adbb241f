"""A crew of threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from servery.ports.crew import Done

MOST = 16


class ThreadCrew:
    """Does each job in a thread of its own, a bounded number at once.

    The threads are made for the job: one that is no longer waited for may live on until its own
    time is up, and in a pool that lives longer than a request it would take a place from the
    next one. Starting a thread takes less than a tenth of a millisecond.

    Args:
        most: How many jobs are done at once; those that were dropped do not count.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._over: SimpleQueue[Done] = SimpleQueue()
        self._waiting: deque[tuple[str, Callable[[], Any]]] = deque()
        self._busy: set[str] = set()

    def now(self) -> float:
        """Seconds by the monotonic clock."""
        return time.monotonic()

    def start(self, ticket: str, job: Callable[[], Any]) -> None:
        """Have a job done, as soon as there is a hand free."""
        self._waiting.append((ticket, job))
        self._fill()

    def next(self, until: float) -> Done | None:
        """The next job that is over; None where it is `until` and none is."""
        while True:
            try:
                done = self._over.get(timeout=max(0.0, until - self.now()))
            except Empty:
                return None
            if done.ticket in self._busy:
                self._busy.remove(done.ticket)
                self._fill()
                return done

    def drop(self, ticket: str) -> None:
        """Wait for a job no longer; one that has not begun never will."""
        self._busy.discard(ticket)
        self._waiting = deque(w for w in self._waiting if w[0] != ticket)
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._busy) < self._most:
            ticket, job = self._waiting.popleft()
            self._busy.add(ticket)
            threading.Thread(target=self._do, args=(ticket, job), daemon=True).start()

    def _do(self, ticket: str, job: Callable[[], Any]) -> None:
        try:
            done = Done(ticket, result=job())
        except Exception as error:
            done = Done(ticket, error=error)
        self._over.put(done)
