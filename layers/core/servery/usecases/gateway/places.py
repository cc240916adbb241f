"""Concurrency: places at a model server, leased for a time and kept over requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from servery.domain.leases import Place
from servery.errors import RefusedError
from servery.usecases.gateway.finding import Finder, Held, Scope
from servery.usecases.gateway.limits import LIMITER_OVERRUNS

if TYPE_CHECKING:
    from servery.domain.policies import ConcurrencyLimit
    from servery.ports import Keeper, PlaceTable
    from servery.usecases.gateway.limits import Shared

POLL_SECONDS, LEAST_SECONDS = 0.008, 0.001
LOOK_SECONDS = 0.25
IMPATIENT = 20
"""Who has waited in vain does not wait again for so many times as long."""
MOST_SCOPES = 256


class PlaceTaker:
    """Takes places for requests, and keeps them while that is of use.

    Args:
        table: Who has which.
        keeper: What renews the lease of a request that takes longer.
        shared: What is done where the table is away.
        owner: Name of this process, like no other.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        table: PlaceTable,
        keeper: Keeper,
        shared: Shared,
        *,
        owner: str,
        sleep: Callable[[float], None],
    ) -> None:
        self._table = table
        self._finder = Finder(table, shared, owner)
        self._keeper = keeper
        self._shared = shared
        self._sleep = sleep
        self._scopes: dict[str, Scope] = {}
        self._lock = threading.Lock()

    def enter(self, name: str, limit: ConcurrencyLimit) -> Held | None:
        """A place; None where the table is away, and the request is let through.

        Raises:
            RefusedError: all places are taken, and stay so for as long as may be waited.
        """
        now = self._shared.now()
        with self._lock:
            scope = self._scope(name)
            scope.pace.begin(now)
            held = scope.reuse(limit)
        if held is not None and held.place.until - now < scope.pace.service + scope.pace.margin:
            held = self._finder.renew(scope, held)
        if held is None and not self._shared.away:
            held = self._wait(scope, limit)
        if held is not None:
            self._begin(scope, held)
        return held

    def leave(self, name: str, held: Held | None) -> None:
        """The request is over; what becomes of the place is settled after the response."""
        now = self._shared.now()
        if held is not None and held.unwatch is not None:
            held.unwatch()
        with self._lock:
            scope = self._scope(name)
            scope.pace.end(now, None if held is None else now - held.started)
            if held is not None:
                held.busy = False
                if not held.lost:
                    scope.kept.append(held)

    def settle(self) -> None:
        """Give places back that others need more; after the response, at no caller's cost."""
        for scope in list(self._scopes.values()):
            if scope.refused is not None:
                self._prepare(scope, scope.refused)
            while (held := self._idle(scope)) is not None:
                self._settle(scope, held)

    def _prepare(self, scope: Scope, limit: ConcurrencyLimit) -> None:
        """Look for a place on behalf of the next request, after one that was refused.

        So it is refused or let through without a call. A place is taken ahead only where that
        request is likely to come soon.
        """
        scope.refused = None
        now = self._shared.now()
        if now < scope.blind_until - scope.pace.blind(scope.full) / 2:
            return
        if scope.pace.soon:
            held = self._finder.find(scope, limit)
            scope.found(held, self._shared.now())
            if held is not None:
                with self._lock:
                    scope.kept.append(held)

    def _settle(self, scope: Scope, held: Held) -> None:
        if not held.scarce:
            places = self._finder.look(held.shard)
            held.seen = self._shared.now()
            held.scarce = places is not None and places.scarce(held.seen)
        if held.scarce:
            self._shared.ask(lambda: self._table.give_back(held.shard.key, held.place))
            return
        with self._lock:
            scope.kept.append(held)

    def _idle(self, scope: Scope) -> Held | None:
        """A kept place that others may need more, taken out of what this process uses."""
        now = self._shared.now()
        with self._lock:
            if scope.pace.soon:
                return None
            for held in scope.kept:
                if held.place.until > now and (held.scarce or now - held.seen >= LOOK_SECONDS):
                    scope.kept.remove(held)
                    return held
        return None

    def _wait(self, scope: Scope, limit: ConcurrencyLimit) -> Held | None:
        """Look for a place until there is one, or the wait is over."""
        started = now = self._shared.now()
        patience = 0.0 if now < scope.hasty_until else limit.wait_ms / 1000
        while True:
            if now >= scope.blind_until:
                held = self._finder.find(scope, limit)
                now = self._shared.now()
                scope.found(held, now)
                if held is not None or self._shared.away:
                    return held
                if patience:
                    scope.blind_until = now + POLL_SECONDS
            left = started + patience - now
            if left < LEAST_SECONDS:
                break
            self._sleep(min(POLL_SECONDS, left))
            now = self._shared.now()
        if patience:
            scope.hasty_until = now + IMPATIENT * patience
        with self._lock:
            scope.pace.end(now)
            scope.refused = limit
        raise RefusedError(
            f"{limit.at_once} requests are being answered already, and no more at a time",
            reason="concurrency",
            retry_after=scope.pace.service,
        )

    def _begin(self, scope: Scope, held: Held) -> None:
        held.busy, held.started = True, self._shared.now()
        margin = scope.pace.margin
        held.unwatch = self._keeper.watch(
            held.place.until - margin, lambda: self._renew(scope, held, margin)
        )

    def _renew(self, scope: Scope, held: Held, margin: float) -> float | None:
        """Renew the lease of a request that is under way; when to do so again."""
        now = self._shared.now()
        until = now + max(scope.pace.lease(scarce=True), 2 * margin)
        wanted = Place(held.place.number, held.place.owner, until)
        told = self._shared.ask(
            lambda: self._table.take(held.shard.key, held.shard.size, wanted, now=now)
        )
        if told is None:
            return now + margin
        if not told[0]:
            held.lost = True
            self._shared.count(LIMITER_OVERRUNS)
            return None
        held.place = wanted
        return until - margin

    def _scope(self, name: str) -> Scope:
        if name not in self._scopes and len(self._scopes) >= MOST_SCOPES:
            self._scopes.clear()  # what was kept ends by itself
        return self._scopes.setdefault(name, Scope(name))
