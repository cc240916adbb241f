"""Fallbacks that have somebody else do it: a lighter model at once, or the model later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.answers import stamp
from servery.domain.asked import Asked
from servery.domain.projection import project
from servery.errors import NotFoundError, OnlineBudgetError
from servery.usecases.gateway.answering import inquiry_of
from servery.usecases.gateway.guards import need
from servery.usecases.gateway.kept import given
from servery.usecases.gateway.messages import Prediction, Target

if TYPE_CHECKING:
    from servery.domain.policies import Fallback
    from servery.ports import Deployments
    from servery.usecases.gateway.answering import Answering
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask

_ACCEPTED = 202
_CALLER_ERROR = 400
_SERVER_ERROR = 500


class Elsewhere:
    """Hands requests on; None where nobody takes them.

    Args:
        deployments: Who the lighter models are.
        answering: What asks them.
        guards: What makes jobs, and knows what models take.
    """

    def __init__(self, deployments: Deployments, answering: Answering, guards: Guards) -> None:
        self._deployments = deployments
        self._answering = answering
        self._guards = guards

    def light(self, target: Target, ask: Ask, fallback: Fallback) -> Prediction | None:
        """The answer of a lighter model, which is asked for the inputs that it knows.

        Its own policies hold, its fallbacks do not: one that is switched off, or refuses, does
        not help. Its branches and its experiment are for requests of its own.
        """
        try:
            return self._lighter(target, ask, fallback.model or "")
        except (NotFoundError, OnlineBudgetError):
            return None

    def _lighter(self, target: Target, ask: Ask, model: str) -> Prediction | None:
        light = self._deployments.get(model)
        if not light.policies.routing.active:
            return None
        version = light.policies.routing.version
        served = light.served(version) if version else light.champion
        own, its = (self._guards.signature(one.ref) for one in (target.served, served))
        body = project(Asked(ask.body, base64=ask.base64), own, its)
        if body is None:
            return None
        lighter = Target(light, served, target.route)
        question = replace(ask, body=body, base64=False, size=len(body.encode()))
        said = self._answering.answer(lighter, question)
        if said.status >= _SERVER_ERROR:
            return None
        if said.status >= _CALLER_ERROR:
            return said
        return replace(said, body=stamp(said.body, degraded=True))

    def queue(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction:
        """A job in place of an answer."""
        job = need(self._guards.jobs, "jobs").take(inquiry_of(target, ask))
        body = stamp(job.document, served_by=target.route, degraded=True)
        return replace(given(target, body, rows=0), status=_ACCEPTED, job=job.id)
