"""Fallbacks that ask no model: a fixed answer, the last ones, and what the cache has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.answers import default_answer, stamp
from servery.domain.asked import Asked
from servery.usecases.gateway.answering import HIT, OK, hit_of, inquiry_of
from servery.usecases.gateway.deciding import deciding
from servery.usecases.gateway.guards import need
from servery.usecases.gateway.messages import OFF, Prediction

if TYPE_CHECKING:
    from servery.domain.policies import Fallback
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, Target


class Kept:
    """Answers with what there is already; None where there is nothing.

    Args:
        guards: What it is kept in.
    """

    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    def default(self, target: Target, ask: Ask, fallback: Fallback) -> Prediction | None:
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
        return given(target, body, rows=rows)

    def last_known(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction | None:
        """The last answers of these rows, by whichever version."""
        asked, decide = deciding(target, ask, self._guards)
        last_known = need(self._guards.last_known, "last known answers")
        document = last_known.recall(inquiry_of(target, asked))
        if document is None:
            return None
        body = stamp(
            document,
            request_id=ask.request_id,
            served_by=target.route,
            cache=OFF,
            degraded=True,
        )
        return decide(given(target, body, rows=Asked(ask.body, base64=ask.base64).rows))

    def cached(self, target: Target, ask: Ask, _fallback: Fallback) -> Prediction | None:
        """What the cache has, where it has all rows."""
        if target.deployment.policies.cache is None:
            return None
        asked, decide = deciding(target, ask, self._guards)
        look = need(self._guards.cache, "cache").look_up(inquiry_of(target, asked))
        if look is None:
            return None
        if look.state != HIT:
            look.give_up()
            return None
        hit = hit_of(target, look)
        return decide(replace(hit, body=stamp(hit.body, degraded=True)))


def given(target: Target, body: str, *, rows: int) -> Prediction:
    """An answer that no model gave."""
    return Prediction(
        status=OK,
        body=body,
        model_version="",
        rows=rows,
        model_ms=0.0,
        degraded=True,
        route=target.route,
    )
