"""A thread that renews what a running request has leased, where the request takes longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count

_IDLE_SECONDS = 5.0

Renew = Callable[[], float | None]


class LeaseKeeper:
    """Watches over leases in one thread, which begins with the first watch.

    A watch that ends before its time costs the thread nothing: it is woken only for a watch that
    is due earlier than what it waits for anyway.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: dict[int, tuple[float, Renew]] = {}
        self._tickets = count()
        self._wakes = float("inf")
        self._running = -1
        self._over = False  # whether the watch that is running has ended meanwhile
        self._alive = False

    def watch(self, at: float, renew: Renew) -> Callable[[], None]:
        """Call `renew` at a time (seconds since the epoch), and at each time that it returns.

        Returns:
            What ends the watch; once it has returned, `renew` is neither running nor called.
        """
        ticket = next(self._tickets)
        with self._changed:
            self._watches[ticket] = (at, renew)
            if not self._alive:
                self._alive = True
                threading.Thread(target=self._attend, name="lease-keeper", daemon=True).start()
            elif at < self._wakes:
                self._changed.notify_all()

        def end() -> None:
            with self._changed:
                self._watches.pop(ticket, None)
                if self._running == ticket:
                    self._over = True
                    self._changed.wait_for(lambda: self._running != ticket)

        return end

    def _attend(self) -> None:
        while True:
            with self._changed:
                ticket = self._due()
                if ticket is None:
                    self._alive = False
                    return
                renew = self._watches.pop(ticket)[1]
                self._running, self._over = ticket, False
            try:
                again = renew()
            except Exception:
                again = None
            with self._changed:
                if again is not None and not self._over:
                    self._watches[ticket] = (again, renew)
                self._running, self._over = -1, False
                self._changed.notify_all()

    def _due(self) -> int | None:
        """The watch that is due, waited for; None where there has been none for a while."""
        while True:
            ticket = min(self._watches, key=lambda t: self._watches[t][0], default=None)
            left = _IDLE_SECONDS if ticket is None else self._watches[ticket][0] - time.time()
            if ticket is not None and left <= 0:
                return ticket
            self._wakes = time.time() + left
            woken = self._changed.wait(left)
            self._wakes = float("-inf")
            if ticket is None and not woken and not self._watches:
                return None
