"""The verbs of a model server, each with an answer whatever happens; but for `chunk`, see there."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.entities import Lookup
from servery.domain.pairs import check_direct
from servery.edge.inference.metadata import describe
from servery.edge.predictor.events import (
    MOST_ANSWER_BYTES,
    Answer,
    Event,
    KeyedLookup,
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
from servery.usecases.predictor import Answered, Asked, Chosen, Shelf, infer

if TYPE_CHECKING:
    from servery.ports import EntityReader
    from servery.usecases.predictor.chunk import ChunkPredictor
    from servery.usecases.preprocessor import HandOn


class ModelServer:
    """Answers the events of one model server.

    Args:
        shelf: Gives the models of this server, made on first use.
        chunks: Gives what predicts chunks of batches, made on first use; None where nothing does.
        entities: Gives where data of entities are looked up; None where nothing is.
        hand_on: Gives what asks predictors about features; None where nothing does.
        service: The room that this server is of.
        code: Identity of the code that runs here.
        init_ms: Milliseconds that the environment took to come up.
    """

    def __init__(
        self,
        shelf: Callable[[], Shelf],
        *,
        chunks: Callable[[], ChunkPredictor] | None = None,
        entities: Callable[[], EntityReader] | None = None,
        hand_on: Callable[[], HandOn] | None = None,
        service: str = "predictor",
        code: str = "",
        init_ms: float = 0.0,
    ) -> None:
        self._shelf = shelf
        self._chunks = chunks
        self._entities = entities
        self._hand_on = hand_on
        self._code = code
        self._measures = Measures(init_ms, service)
        self._verbs = {
            "infer": self._infer,
            "infer_many": self._infer_many,
            "hand_on": self._hand,
            "ready": self._ready,
            "metadata": self._metadata,
        }

    def begin_anew(self) -> None:
        """The process was restored from a snapshot: nothing it has done counts for this one."""
        self._measures.begin_anew()

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
            asked = Asked(content, event.request_id, event.route, event.cache, event.pair)
            keyed = event.lookup
            answered = infer(chosen, asked) if keyed is None else self._keyed(chosen, asked, keyed)
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
        if chosen is not None and chosen.model.ref.pair:
            answer["pair"] = chosen.model.ref.pair
        self._measures.request(event, chosen, answer, rejected=int(is_rejected(answer)))
        return answer

    def _infer_many(self, event: Event) -> Answer:
        from servery.edge.predictor.many import answer_many  # noqa: PLC0415

        chosen: Chosen | None = None
        try:
            check_direct(event.ref)
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

    def _keyed(self, chosen: Chosen, asked: Asked, keyed: KeyedLookup) -> Answered:
        from servery.usecases.predictor.looking_up import infer_keyed  # noqa: PLC0415

        if self._entities is None:
            raise MalformedError("this server looks up no data")
        lookup = Lookup(
            entity=keyed.entity,
            key="request",
            columns=keyed.columns,
            keep_s=keyed.keep_s,
            from_lake=keyed.from_lake,
        )
        return infer_keyed(chosen, asked, lookup, keyed.keys, self._entities())

    def _hand(self, event: Event) -> Answer:
        from servery.edge.predictor.hand_on import answer_hand_on  # noqa: PLC0415

        if self._hand_on is None:
            raise MalformedError("this server hands nothing on")
        return answer_hand_on(event, self._choose, self._hand_on(), self._measures)

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
