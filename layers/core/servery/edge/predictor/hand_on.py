"""The verb `hand_on`: a preprocessor's server makes the features and asks the predictor itself.

`{"verb": "hand_on", "ref": ..., "body": ..., "then": {"function": ..., "ref": ...}, "seconds": 2}`
is answered with the predictor's reply, and beside it with who made the features
(`preprocessor_version`, `preprocess_ms`), of which pair both are, and `hop`: which of the two a
status other than 200 comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from servery.edge.predictor.events import Answer, Event, content_of, is_rejected, log_ours, refusal
from servery.errors import MalformedError
from servery.usecases.predictor.answering import misfit
from servery.usecases.preprocessor import HandOn, check_mate, prepare
from servery.usecases.preprocessor.handing_on import PREDICTOR, PREPROCESSOR

if TYPE_CHECKING:
    from servery.edge.predictor.measures import Measures
    from servery.usecases.predictor import Chosen


@dataclass(slots=True)
class _Progress:
    """How far an event came: with which model, its rows, the milliseconds, and who is asked."""

    chosen: Chosen | None = None
    rows: int = 0
    ms: float = 0.0
    hop: str = PREPROCESSOR

    @property
    def version(self) -> str:
        return self.chosen.model.ref.version if self.chosen else ""


def answer_hand_on(
    event: Event, choose: Callable[[Event], Chosen], hand_on: HandOn, measures: Measures
) -> Answer:
    """Answer an event; an error of any kind becomes an answer with its status.

    Args:
        event: What is asked.
        choose: Gives the model that answers an event.
        hand_on: Asks predictors.
        measures: Where the line of the event is written; it is about the preprocessor alone.
    """
    progress = _Progress()
    try:
        answer = _answer(event, choose, hand_on, progress)
    except Exception as error:
        log_ours(error, request_id=event.request_id, route=event.route)
        answer = {**refusal(error, event.request_id), "model_version": "", "degraded": False}
        progress.hop = getattr(error, "hop", progress.hop)
    made = progress.ms > 0
    own = {
        "status": int(HTTPStatus.OK) if made else answer["status"],
        "rows": progress.rows,
        "model_ms": progress.ms,
        "model_version": progress.version,
        "degraded": False,
    }
    measures.request(event, progress.chosen, own, rejected=int(not made and is_rejected(own)))
    return {
        **answer,
        "pair": event.ref.pair,
        "preprocessor_version": progress.version,
        "preprocess_ms": progress.ms,
        "hop": "" if answer["status"] == HTTPStatus.OK else progress.hop,
    }


def _answer(
    event: Event, choose: Callable[[Event], Chosen], hand_on: HandOn, progress: _Progress
) -> Answer:
    started = hand_on.now()
    if event.then is None:
        raise MalformedError("the event does not say whom to hand on to")
    check_mate(event.ref, event.then.ref)
    chosen = progress.chosen = choose(event)
    if chosen.model.ref.pair != event.ref.pair:
        raise misfit()  # an older one stands in, and the predictor is not its other half
    made = prepare(chosen.model, content_of(event.body, base64_encoded=event.base64))
    progress.rows, progress.ms = made.rows, round((hand_on.now() - started) * 1000, 3)
    progress.hop = PREDICTOR
    reply = hand_on.predict(
        made,
        function=event.then.function,
        mate=event.then.ref,
        request_id=event.request_id,
        route=event.route,
        exact=event.exact,
        until=started + event.seconds,
    )
    return {
        "status": reply.status,
        "body": reply.body,
        "rows": reply.rows,
        "model_ms": reply.model_ms,
        "reason": reply.reason,
        "model_version": reply.model_version,
        "degraded": reply.degraded or chosen.degraded,
        **({"mismatch": True} if reply.mismatch else {}),
    }
