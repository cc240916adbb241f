"""Find who serves a model and have a request answered, with what its policies say in between."""

from __future__ import annotations

from typing import Any

from servery.domain.policies import Fallback, FallbackKind
from servery.errors import RefusedError, TooLargeError
from servery.ports import Clock, Deployments, ModelServers
from servery.usecases.gateway.about import metadata, ready
from servery.usecases.gateway.answering import HIT, OK, Answering, inquiry_of
from servery.usecases.gateway.copying import copy_on, shadows
from servery.usecases.gateway.deciding import deciding
from servery.usecases.gateway.fallbacks import SWITCHED_OFF, Fallbacks
from servery.usecases.gateway.guarding import Guarded
from servery.usecases.gateway.guards import Guards, need
from servery.usecases.gateway.messages import Ask, ModelReady, Prediction, Target
from servery.usecases.gateway.routing import choose, locate
from servery.usecases.gateway.servers import Servers

_LAST = FallbackKind.LAST_KNOWN


class Gateway:
    """Has requests answered by whom the deployment record names.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        clock: What deadlines go by.
        guards: What the policies work with; a gateway without them serves models without
            policies.
    """

    def __init__(
        self,
        deployments: Deployments,
        servers: ModelServers,
        clock: Clock,
        guards: Guards | None = None,
    ) -> None:
        self._deployments = deployments
        self._clock = clock
        self._guards = guards or Guards()
        self._servers = Servers(deployments, servers, clock, self._again)
        guarded = Guarded(self._servers, self._guards, clock)
        self._answering = Answering(guarded, self._guards, clock)
        self._fallbacks = Fallbacks(deployments, self._answering, self._guards)

    def check(self) -> None:
        """Make sure that requests can be served at all; `UnavailableError` where they cannot."""
        self._deployments.probe()

    def locate(self, model: str, version: str | None = None, pair: str = "") -> Target:
        """Who a model, or one version of it, is, whatever its policies say.

        Raises:
            NotFoundError: nobody serves that.
        """
        return locate(self._deployments.get(model), version, pair)

    def route(self, model: str, version: str | None, ask: Ask) -> Target:
        """Who a request for a model, or for one version of it, goes to.

        Raises:
            NotFoundError: nobody serves that.
        """
        return choose(self._deployments.get(model), version, ask, self._clock, self._guards)

    def infer(self, target: Target, ask: Ask) -> Prediction:
        """Have the rows of a body predicted.

        Raises:
            TooLargeError: more bytes than the deployment allows, or than an answer may have.
            MalformedError: the body is no text that could be passed on.
            DeadlineExceededError: no answer within the deployment's deadline.
            RefusedError: a policy keeps the request from the model, and no fallback helps.
            OnlineBudgetError: the version takes no synchronous traffic.
        """
        deployment = target.deployment
        most = deployment.limits.max_body_kb * 1000
        if ask.size > most:
            raise TooLargeError(f"the body has {ask.size} bytes; this model takes {most}")
        policies = deployment.policies
        routing = policies.routing
        if not routing.active:
            refused = RefusedError(
                f"{deployment.model} is switched off at the moment", reason=SWITCHED_OFF
            )
            return self._fallbacks.answer(target, ask, routing.off, refused)
        copied = shadows(deployment)
        if policies.circuit is None and not copied and routing.off.kind is not _LAST:
            return self._answering.answer(target, ask)
        return self._watched(target, ask)

    def metadata(self, target: Target, *, request_id: str, seconds: float) -> dict[str, Any]:
        """The model as the Open Inference Protocol describes it, with the versions served."""
        return metadata(self._servers, target, Ask("", False, 0, request_id, seconds))

    def ready(self, target: Target, *, request_id: str, seconds: float) -> ModelReady:
        """Have the model server check itself; `UnavailableError` says why it is not ready."""
        return ready(self._servers, target, Ask("", False, 0, request_id, seconds))

    def _again(self, target: Target, ask: Ask) -> Target:
        """Who a target's request goes to by the record as it is now."""
        version = target.version if target.exact else None
        return self.route(target.deployment.model, version, ask)

    def _watched(self, target: Target, ask: Ask) -> Prediction:
        """Answer; what is refused by a fallback, and what is answered copied for what follows."""
        started = self._clock.now()
        circuit = target.deployment.policies.circuit
        fallback = circuit.fallback if circuit is not None else Fallback()
        asked, decide = deciding(target, ask, self._guards)
        try:
            said = self._answering.predict(target, asked)
        except RefusedError as refused:
            return self._fallbacks.answer(target, ask, fallback, refused)
        if said.status == OK and not said.degraded:
            off = target.deployment.policies.routing.off
            if said.cache != HIT and _LAST in {fallback.kind, off.kind}:
                keep = need(self._guards.last_known, "last known answers").keep
                keep(inquiry_of(target, asked), said.body)
            latency_ms = (self._clock.now() - started).total_seconds() * 1000
            copy_on(target, asked, said, latency_ms, self._guards)
        return decide(said)
