"""The verb `infer_many`: many requests in, an answer for each out, as far as Lambda carries them.

`{"verb": "infer_many", "ref": ..., "items": [{"request_id", "body", "base64"}]}` is answered with
`{"status": 200, "items": [{"status", "body", "rows", "model_ms", "reason"}], ...}`. An item that
reads `{"status": 0, "deferred": true}` was right, but its answer found no room: ask again. The
first one that can be carried at all always finds room, so asking again comes to an end.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from servery.edge.predictor.events import (
    MOST_ANSWER_BYTES,
    Answer,
    carried_size,
    content_of,
    log_ours,
    refusal,
)
from servery.errors import TooLargeError
from servery.usecases.predictor.answering import Answered, Asked
from servery.usecases.predictor.many import infer_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servery.edge.predictor.events import Event, Item
    from servery.usecases.predictor import Chosen

_AROUND = 192
"""Bytes of an item beside its body, at the most."""


def answer_many(chosen: Chosen, event: Event) -> Answer:
    """Answer the items of an event with one call of the model."""
    items: list[Answer] = []
    left = MOST_ANSWER_BYTES
    carried = False
    for item, outcome in _outcomes(chosen, event):
        answer = _answer(outcome, item, event.route)
        size = _AROUND + sum(carried_size(answer[part].encode()) for part in ("body", "reason"))
        if carried and size > left:
            items.append({"status": 0, "deferred": True})
            continue
        items.append(answer)
        left -= size
        carried = True
    told = [answer for answer in items if answer["status"]]
    return {
        "status": int(HTTPStatus.OK),
        "items": items,
        "rows": sum(answer["rows"] for answer in told),
        "model_ms": round(sum(answer["model_ms"] for answer in told), 3),
    }


def _outcomes(chosen: Chosen, event: Event) -> Iterator[tuple[Item, Answered | Exception]]:
    asked = [_asked(item, event) for item in event.items]
    answered = infer_many(chosen, [one for one in asked if isinstance(one, Asked)])
    for item, one in zip(event.items, asked, strict=True):
        yield item, one if isinstance(one, Exception) else next(answered)


def _asked(item: Item, event: Event) -> Asked | Exception:
    try:
        content = content_of(item.body, base64_encoded=item.base64)
    except Exception as error:
        return error
    return Asked(content, item.request_id, event.route, event.cache)


def _answer(outcome: Answered | Exception, item: Item, route: str) -> Answer:
    if isinstance(outcome, Answered) and carried_size(outcome.body) > MOST_ANSWER_BYTES:
        outcome = TooLargeError("the answer would be too large; ask for fewer rows at once")
    if isinstance(outcome, Exception):
        log_ours(outcome, request_id=item.request_id, route=route)
        return refusal(outcome, item.request_id)
    return {
        "status": int(HTTPStatus.OK),
        "body": outcome.body.decode(),
        "rows": outcome.rows,
        "model_ms": outcome.model_ms,
        "reason": "",
    }
