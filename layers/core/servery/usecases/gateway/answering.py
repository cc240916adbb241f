"""A request's way to its answer: the cache, the server past its circuit, the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.online_budget import check_online
from servery.ports import Inquiry, Reply
from servery.usecases.gateway.deciding import deciding
from servery.usecases.gateway.guards import need
from servery.usecases.gateway.messages import OFF, Prediction

if TYPE_CHECKING:
    from servery.ports import Clock, Look
    from servery.usecases.gateway.guarding import Guarded, Replied
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, Target

OK = 200
SERVER_ERROR = 500
MISS = "miss"
HIT = "hit"


class Answering:
    """Answers requests whose target is known.

    Args:
        guarded: Who asks model servers.
        guards: What policies work with.
        clock: What the deadline goes by.
    """

    def __init__(self, guarded: Guarded, guards: Guards, clock: Clock) -> None:
        self._guarded = guarded
        self._guards = guards
        self._clock = clock

    def answer(self, target: Target, ask: Ask) -> Prediction:
        """What a caller is answered.

        Raises:
            RefusedError: the circuit lets it not through.
            OnlineBudgetError: the version takes no synchronous traffic.
        """
        asked, decide = deciding(target, ask, self._guards)
        return decide(self.predict(target, asked))

    def predict(self, target: Target, ask: Ask) -> Prediction:
        """What the model says, before the threshold; raises as `answer` does."""
        if target.deployment.policies.cache is None:
            check_online(target.deployment, target.served)
            return prediction_of(self._guarded.ask(target, ask))
        started = self._clock.now()
        look = need(self._guards.cache, "cache").look_up(inquiry_of(target, ask))
        if look is not None and look.state == HIT:
            return hit_of(target, look)
        check_online_or_give_up(target, look)
        spent = (self._clock.now() - started).total_seconds()
        if look is None:
            return prediction_of(self._guarded.ask(target, ask, spent=spent))
        return self._missing(target, ask, look, spent)

    def _missing(self, target: Target, ask: Ask, look: Look, spent: float) -> Prediction:
        """Ask for the rows that the cache has not got, and put them among those that it has.

        Where the server refuses them, or another version answers, the request goes to it whole:
        a refusal names rows by their place, and an answer is of one version.
        """
        started = self._clock.now()
        question = replace(ask, body=look.question, base64=False)
        try:
            replied = self._guarded.ask(target, question, cache=look.state, spent=spent)
            found = prediction_of(replied, look.state)
            exact = not found.degraded and found.model_version == target.version
            if found.status == OK and (exact or look.state == MISS):
                reply = Reply(body=found.body, model_version=found.model_version, exact=exact)
                return replace(found, body=look.weave(reply), rows=look.rows)
        except BaseException:
            look.give_up()
            raise
        look.give_up()
        if look.question == ask.body or found.status >= SERVER_ERROR:
            return found
        spent += (self._clock.now() - started).total_seconds()
        return prediction_of(self._guarded.ask(target, ask, cache=MISS, spent=spent), MISS)


def inquiry_of(target: Target, ask: Ask) -> Inquiry:
    """A request as the ports of the policies take it."""
    return Inquiry(
        deployment=target.deployment,
        served=target.served,
        body=ask.body,
        base64=ask.base64,
        request_id=ask.request_id,
        served_by=target.route,
        seconds=ask.seconds,
        pair=ask.pair,
    )


def hit_of(target: Target, look: Look) -> Prediction:
    """The answer that the cache has."""
    return Prediction(
        status=OK,
        body=look.answer(),
        model_version=target.version,
        rows=look.rows,
        model_ms=0.0,
        degraded=False,
        pair=target.served.ref.pair,
        route=target.route,
        cache=HIT,
        served=target.served,
    )


def prediction_of(replied: Replied, cache: str = OFF) -> Prediction:
    """What a model server replied, as the gateway answers it."""
    target, reply = replied
    return Prediction(
        status=reply.status,
        body=reply.body,
        model_version=reply.model_version or target.version,
        rows=reply.rows,
        model_ms=reply.model_ms,
        degraded=reply.degraded,
        pair=reply.pair,
        route=target.route,
        cache=cache,
        served=target.served,
    )


def check_online_or_give_up(target: Target, look: Look | None) -> None:
    """Refuse a version that takes no synchronous traffic; nobody is to wait for its answer."""
    try:
        check_online(target.deployment, target.served)
    except BaseException:
        if look is not None:
            look.give_up()
        raise
