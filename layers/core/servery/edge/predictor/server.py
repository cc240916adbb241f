"""The verbs of a model server, each with an answer whatever happens; but for `chunk`, see there."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from servery.edge.inference.metadata import describe
from servery.edge.predictor.events import (
    MOST_ANSWER_BYTES,
    Answer,
    Event,
    carried_size,
    content_of,
    encode,
    is_rejected,
    log_ours,
    refusal,
)
from servery.edge.predictor.measures import Measures
from servery.edge.telemetry import log_error
from servery.errors import ConflictError, FaultError, MalformedError, TooLargeError
from servery.usecases.predictor import Asked, Chosen, Shelf, infer

if TYPE_CHECKING:
    from servery.usecases.predictor.chunk import ChunkPredictor


class ModelServer:
    """Answers the events of one model server.

    Args:
        shelf: Gives the models of this server, made on first use.
        chunks: Gives what predicts chunks of batches, made on first use; None where nothing does.
        code: Identity of the code that runs here.
        init_ms: Milliseconds that the environment took to come up.
    """

    def __init__(
        self,
        shelf: Callable[[], Shelf],
        *,
        chunks: Callable[[], ChunkPredictor] | None = None,
        code: str = "",
        init_ms: float = 0.0,
    ) -> None:
        self._shelf = shelf
        self._chunks = chunks
        self._code = code
        self._measures = Measures(init_ms)
        self._verbs = {
            "infer": self._infer,
            "infer_many": self._infer_many,
            "ready": self._ready,
            "metadata": self._metadata,
        }

    def handle(self, value: object) -> Answer:
        """Answer an event; an error of any kind becomes an answer with its status.

        Raises:
            RejectedError, RetryableError, FaultError: a chunk could not be predicted; a state
                machine asks for those, and goes by the names of errors.
        """
        if isinstance(value, dict) and value.get("verb") == "chunk":
            return self._chunk(value)
        try:
            event = msgspec.convert(value, Event)
            answer = self._verbs[event.verb]
        except (msgspec.ValidationError, KeyError):
            return refusal(MalformedError("this is no event of a model server"), "")
        try:
            return answer(event)
        except Exception as error:
            _log(error, event)
            return refusal(error, event.request_id)

    def _infer(self, event: Event) -> Answer:
        chosen: Chosen | None = None
        try:
            chosen = self._choose(event)
            content = content_of(event.body, base64_encoded=event.base64)
            answered = infer(chosen, Asked(content, event.request_id, event.route, event.cache))
            answer = {
                "status": int(HTTPStatus.OK),
                "body": _passable(answered.body),
                "rows": answered.rows,
                "model_ms": answered.model_ms,
            }
        except Exception as error:
            _log(error, event)
            answer = refusal(error, event.request_id)
        answer["model_version"] = chosen.model.ref.version if chosen else ""
        answer["degraded"] = chosen.degraded if chosen else False
        self._measures.request(event, chosen, answer, rejected=int(is_rejected(answer)))
        return answer

    def _infer_many(self, event: Event) -> Answer:
        from servery.edge.predictor.many import answer_many  # noqa: PLC0415

        chosen: Chosen | None = None
        try:
            chosen = self._choose(event)
            answer = answer_many(chosen, event)
        except Exception as error:
            _log(error, event)
            answer = {**refusal(error, event.request_id), "items": []}
        answer["model_version"] = chosen.model.ref.version if chosen else ""
        answer["degraded"] = chosen.degraded if chosen else False
        rejected = sum(map(is_rejected, answer["items"]))
        self._measures.request(event, chosen, answer, rejected=rejected)
        return answer

    def _chunk(self, value: dict[str, Any]) -> Answer:
        from servery.edge.predictor.chunk import answer_chunk  # noqa: PLC0415

        if self._chunks is None:
            raise FaultError("this server does not predict chunks of batches")
        return answer_chunk(value, self._shelf, self._chunks, self._measures)

    def _choose(self, event: Event) -> Chosen:
        chosen = self._shelf().choose(event.ref, exact=event.exact)
        if chosen.failure is not None:
            log_error(chosen.failure, request_id=event.request_id, route=event.route)
        return chosen

    def _ready(self, event: Event) -> Answer:
        try:
            model = self._shelf().get(event.ref)
            model.verify()
        except ConflictError as error:
            return {**refusal(error, event.request_id), "ready": False, "reason": error.message}
        except Exception as error:
            _log(error, event)
            reason = str(error.__cause__ or error)
            status = int(HTTPStatus.SERVICE_UNAVAILABLE)
            return {"status": status, "ready": False, "reason": reason}
        return {
            "status": int(HTTPStatus.OK),
            "ready": True,
            "model_version": model.ref.version,
            "digest": model.ref.digest,
            "runtime": model.ref.runtime.value,
            "code": self._code,
            "load_ms": model.load_ms,
        }

    def _metadata(self, event: Event) -> Answer:
        model = self._shelf().get(event.ref)
        return {
            "status": int(HTTPStatus.OK),
            "body": encode(describe(model.ref, model.manifest)).decode(),
            "model_version": model.ref.version,
        }


def _passable(body: bytes) -> str:
    """The body as text, if Lambda can carry it."""
    if carried_size(body) > MOST_ANSWER_BYTES:
        raise TooLargeError("the answer would be too large; ask for fewer rows at once")
    return body.decode()


def _log(error: Exception, event: Event) -> None:
    log_ours(error, request_id=event.request_id, route=event.route)
