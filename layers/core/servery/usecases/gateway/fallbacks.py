"""What a request is given that may not reach its model; always marked as degraded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.answers import default_answer, stamp
from servery.domain.asked import Asked
from servery.domain.policies import FallbackKind
from servery.domain.projection import project
from servery.errors import (
    FaultError,
    NotFoundError,
    OnlineBudgetError,
    RefusedError,
    RetryableError,
)
from servery.usecases.gateway.answering import HIT, hit_of, inquiry_of
from servery.usecases.gateway.deciding import decided
from servery.usecases.gateway.guards import need
from servery.usecases.gateway.messages import OFF, Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.policies import Fallback
    from servery.ports import Deployments
    from servery.usecases.gateway.answering import Answering
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask

SWITCHED_OFF = "off"

_OK = 200
_ACCEPTED = 202
_CALLER_ERROR = 400
_SERVER_ERROR = 500


class Fallbacks:
    """Answers requests that were refused.

    Args:
        deployments: Who the lighter models are.
        answering: What asks them.
        guards: What the other kinds work with.
    """

    def __init__(self, deployments: Deployments, answering: Answering, guards: Guards) -> None:
        self._deployments = deployments
        self._answering = answering
        self._guards = guards
        self._kinds: dict[FallbackKind, Callable[..., Prediction | None]] = {
            FallbackKind.DEFAULT: self._default,
            FallbackKind.LAST_KNOWN: self._last_known,
            FallbackKind.CACHED: self._cached,
            FallbackKind.LIGHT: self._light,
            FallbackKind.QUEUE: self._queue,
        }

    def answer(
        self, target: Target, ask: Ask, fallback: Fallback, refused: RefusedError
    ) -> Prediction:
        """What the request is given instead.

        Raises:
            RefusedError: nothing but that it was refused, and when to try again: because that is
                the policy, or because the fallback has nothing for it either.
            RejectedError: the request itself is wrong.
        """
        make = self._kinds.get(fallback.kind)
        found: Prediction | None = None
        if make is not None and not (fallback.kind is FallbackKind.CACHED and _looked(refused)):
            aside = replace(target, route=f"fallback:{fallback.kind}")
            try:
                found = make(aside, ask, fallback)
            except (RetryableError, FaultError) as error:
                raise _final(refused, fallback) from error
        if found is None:
            raise _final(refused, fallback)
        return replace(found, fallback=fallback.kind.value, reason=refused.reason, degraded=True)

    def _default(self, target: Target, ask: Ask, fallback: Fallback) -> Prediction | None:
        """The fixed answer for each row; None for what has no rows, or more than are allowed."""
        asked = Asked(ask.body, base64=ask.base64)
        rows = asked.rows
        if fallback.default is None or not 0 < rows <= target.deployment.limits.max_rows:
            return None
        said = {
            "model": target.deployment.model,
            "model_version": "",
            "request_id": ask.request_id,
            "served_by": target.route,
            "cache": OFF,
            "degraded": True,
        }
        signature = self._guards.signature(target.served.ref)
        body = default_answer(fallback.default, asked, signature, said)
        return _given(target, body, rows=rows)

    def _last_known(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction | None:
        """The last answers of these rows, by whichever version."""
        last_known = need(self._guards.last_known, "last known answers")
        document = last_known.recall(inquiry_of(target, ask))
        if document is None:
            return None
        body = stamp(
            document,
            request_id=ask.request_id,
            served_by=target.route,
            cache=OFF,
            degraded=True,
        )
        given = _given(target, body, rows=Asked(ask.body, base64=ask.base64).rows)
        return self._decided(target, replace(given, served=target.served))

    def _cached(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction | None:
        """What the cache has, where it has all rows."""
        if target.deployment.policies.cache is None:
            return None
        look = need(self._guards.cache, "cache").look_up(inquiry_of(target, ask))
        if look is None:
            return None
        if look.state != HIT:
            look.give_up()
            return None
        hit = hit_of(target, look)
        return self._decided(target, replace(hit, body=stamp(hit.body, degraded=True)))

    def _light(self, target: Target, ask: Ask, fallback: Fallback) -> Prediction | None:
        """The answer of a lighter model, which is asked for the inputs that it knows.

        Its own policies hold, its fallbacks do not: one that is switched off, or refuses, does
        not help.
        """
        try:
            return self._lighter(target, ask, fallback.model or "")
        except (NotFoundError, OnlineBudgetError):
            return None

    def _lighter(self, target: Target, ask: Ask, model: str) -> Prediction | None:
        light = self._deployments.get(model)
        if not light.policies.routing.active:
            return None
        own, its = (self._guards.signature(one.ref) for one in (target.served, light.champion))
        body = project(Asked(ask.body, base64=ask.base64), own, its)
        if body is None:
            return None
        lighter = Target(light, light.champion, target.route)
        question = replace(ask, body=body, base64=False, size=len(body.encode()))
        given, _ = self._answering.answer(lighter, question)
        if given.status >= _SERVER_ERROR:
            return None
        if given.status >= _CALLER_ERROR:
            return given
        return replace(given, body=stamp(given.body, degraded=True))

    def _queue(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction:
        """A job in place of an answer."""
        job = need(self._guards.jobs, "jobs").take(inquiry_of(target, ask))
        body = stamp(job.document, served_by=target.route, degraded=True)
        return replace(_given(target, body, rows=0), status=_ACCEPTED, job=job.id)

    def _decided(self, target: Target, prediction: Prediction) -> Prediction:
        """With the threshold of the deployment, which what is kept has not seen."""
        threshold = target.deployment.policies.routing.threshold
        if threshold is None:
            return prediction
        return decided(prediction, threshold, self._guards, strip=False)


def _given(target: Target, body: str, *, rows: int) -> Prediction:
    return Prediction(
        status=_OK,
        body=body,
        model_version="",
        rows=rows,
        model_ms=0.0,
        degraded=True,
        route=target.route,
    )


def _looked(refused: RefusedError) -> bool:
    """Whether the cache was asked before: only who is switched off is refused ahead of it."""
    return refused.reason != SWITCHED_OFF


def _final(refused: RefusedError, fallback: Fallback) -> RefusedError:
    """The refusal that the caller is told, with when to try again by the policy."""
    return RefusedError(
        refused.message,
        reason=refused.reason,
        retry_after=max(fallback.retry_after_s, refused.retry_after),
    )
