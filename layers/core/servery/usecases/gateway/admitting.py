"""Admission: what the model server can take is let through, before it gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servery.errors import RefusedError
from servery.usecases.gateway.limits import Shared
from servery.usecases.gateway.places import PlaceTaker
from servery.usecases.gateway.rates import Rates

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.domain.policies import ConcurrencyLimit, RateLimit
    from servery.ports import Clock, Keeper, PlaceTable, TokenTable
    from servery.usecases.gateway.finding import Held


class Admissions:
    """Rate by model, then concurrency by model server, over all processes.

    A table that does not answer refuses nobody: it is counted, and left alone for a while.

    Args:
        tokens: The buckets.
        places: The places.
        keeper: What renews the lease of a request that takes longer.
        clock: What leases and buckets go by; whoever shares them has the same time within
            milliseconds.
        owner: Name of this process, like no other.
        tell: Told the name of each thing that is counted.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        tokens: TokenTable,
        places: PlaceTable,
        keeper: Keeper,
        clock: Clock,
        *,
        owner: str,
        tell: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:
        self._rates = Rates(tokens, Shared(clock, tell))
        self._places = PlaceTaker(places, keeper, Shared(clock, tell), owner=owner, sleep=sleep)

    @contextmanager
    def admit(self, deployment: Deployment, served: Served) -> Iterator[object]:
        """A place at the model server for as long as the context lasts.

        Raises (on entering):
            RefusedError: with the reason, `rate` or `concurrency`, and when to try again.
        """
        circuit = deployment.policies.circuit
        rate = None if circuit is None else circuit.rate
        limit = None if circuit is None else circuit.concurrency
        if rate is not None:
            self._rates.take(deployment.model, rate)
        if limit is None:
            yield None
            return
        name = served.server.function
        held = self._enter(deployment.model, name, rate, limit)
        try:
            yield held
        finally:
            self._places.leave(name, held)

    def settle(self) -> None:
        """What is done after the response: places that others need more are given back."""
        self._places.settle()

    def _enter(
        self, model: str, name: str, rate: RateLimit | None, limit: ConcurrencyLimit
    ) -> Held | None:
        try:
            return self._places.enter(name, limit)
        except RefusedError:
            if rate is not None:
                self._rates.put_back(model, rate)
            raise
