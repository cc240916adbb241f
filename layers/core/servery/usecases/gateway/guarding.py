"""The way to a model server past what a circuit policy refuses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from servery.errors import FaultError, RefusedError, ThrottledError
from servery.usecases.gateway.guards import need
from servery.usecases.gateway.messages import OFF
from servery.usecases.gateway.servers import check_time, seconds_for

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from servery.domain.policies import CircuitPolicy
    from servery.ports import Breaker, Clock
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, ServerReply, Target
    from servery.usecases.gateway.servers import Servers

INFER = "infer"
_SERVER_ERROR = 500

Replied = tuple["Target", "ServerReply"]


class FailedReplyError(FaultError):
    """A model server answered that it failed; what a breaker sees of it.

    Args:
        replied: Who answered, and what.
    """

    def __init__(self, replied: Replied) -> None:
        super().__init__(f"the model server answered {replied[1].status}")
        self.replied = replied


class Guarded:
    """Asks model servers for predictions as far as their circuit lets requests through.

    Args:
        servers: Who asks.
        guards: What refuses.
        clock: What the deadline goes by.
    """

    def __init__(self, servers: Servers, guards: Guards, clock: Clock) -> None:
        self._servers = servers
        self._guards = guards
        self._clock = clock

    def ask(self, target: Target, ask: Ask, *, cache: str = OFF, spent: float = 0.0) -> Replied:
        """Ask for a prediction.

        Args:
            target: Who is asked.
            ask: With which body.
            cache: What the cache did.
            spent: Seconds of the deadline that have been spent before.

        Returns:
            Who answered, and what.

        Raises:
            RefusedError: the circuit lets it not through.
        """
        circuit = target.deployment.policies.circuit
        if circuit is None:
            return self._servers.ask(target, INFER, ask, cache=cache, spent=spent)
        return self._through(circuit, target, ask, cache, spent)

    def _through(
        self, circuit: CircuitPolicy, target: Target, ask: Ask, cache: str, spent: float
    ) -> Replied:
        started = self._clock.now()
        breaker = need(self._guards.breaker, "breaker") if circuit.breaker is not None else None
        if breaker is not None:
            breaker.check(target.deployment, target.served)
        with self._place(circuit, target):
            waited = spent + (self._clock.now() - started).total_seconds()
            check_time(seconds_for(target, ask, waited))  # that is no failure of the server

            def call() -> Replied:
                return self._servers.ask(target, INFER, ask, cache=cache, spent=waited)

            try:
                return call() if breaker is None else _counted(breaker, target, call)
            except ThrottledError as error:
                raise RefusedError(
                    error.message, reason="platform", retry_after=error.retry_after
                ) from error

    def _place(self, circuit: CircuitPolicy, target: Target) -> AbstractContextManager[object]:
        if circuit.rate is None and circuit.concurrency is None:
            return nullcontext()
        admission = need(self._guards.admission, "admission")
        return admission.admit(target.deployment, target.served)


def _counted(breaker: Breaker, target: Target, call: Callable[[], Replied]) -> Replied:
    """A call that a breaker sees the outcome of; a server that says it failed has failed."""

    def seen() -> Replied:
        replied = call()
        if replied[1].status >= _SERVER_ERROR:
            raise FailedReplyError(replied)
        return replied

    try:
        return breaker.call(target.deployment, target.served, seen)
    except FailedReplyError as failed:
        return failed.replied
