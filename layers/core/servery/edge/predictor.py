"""The events of a model server: infer, ready and metadata, each with an answer whatever happens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec

from servery.domain.manifest import ModelRef
from servery.edge.inference.metadata import describe
from servery.edge.problem import problem, status_of
from servery.edge.telemetry import emit, log_error
from servery.errors import (
    ConflictError,
    MalformedError,
    RejectedError,
    RetryableError,
    TooLargeError,
)
from servery.usecases.predictor import Asked, Chosen, Shelf, infer

Answer = dict[str, Any]

MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 16 * 1024
_encode = msgspec.json.Encoder().encode


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    ref: ModelRef
    request_id: str = ""
    route: str = "champion"
    cache: str = "off"
    body: str = ""
    base64: bool = False
    exact: bool = False


class ModelServer:
    """Answers the events of one model server.

    Args:
        shelf: Gives the models of this server, made on first use.
        code: Identity of the code that runs here.
        init_ms: Milliseconds that the environment took to come up.
    """

    def __init__(self, shelf: Callable[[], Shelf], *, code: str = "", init_ms: float = 0.0) -> None:
        self._shelf = shelf
        self._code = code
        self._init_ms = init_ms
        self._cold = True
        self._verbs = {"infer": self._infer, "ready": self._ready, "metadata": self._metadata}

    def handle(self, value: object) -> Answer:
        """Answer an event; an error of any kind becomes an answer with its status."""
        try:
            event = msgspec.convert(value, _Event)
            answer = self._verbs[event.verb]
        except (msgspec.ValidationError, KeyError):
            return _refusal(MalformedError("this is no event of a model server"), "")
        try:
            return answer(event)
        except Exception as error:
            _log(error, event)
            return _refusal(error, event.request_id)

    def _infer(self, event: _Event) -> Answer:
        chosen: Chosen | None = None
        try:
            chosen = self._shelf().choose(event.ref, exact=event.exact)
            if chosen.failure is not None:
                log_error(chosen.failure, request_id=event.request_id, route=event.route)
            asked = Asked(_content(event), event.request_id, event.route, event.cache)
            answered = infer(chosen, asked)
            answer = {
                "status": int(HTTPStatus.OK),
                "body": _passable(answered.body),
                "rows": answered.rows,
                "model_ms": answered.model_ms,
            }
        except Exception as error:
            _log(error, event)
            answer = _refusal(error, event.request_id)
        answer["model_version"] = chosen.model.ref.version if chosen else ""
        answer["degraded"] = chosen.degraded if chosen else False
        self._measure(event, chosen, answer)
        return answer

    def _ready(self, event: _Event) -> Answer:
        try:
            model = self._shelf().get(event.ref)
            model.verify()
        except ConflictError as error:
            return {**_refusal(error, event.request_id), "ready": False, "reason": error.message}
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

    def _metadata(self, event: _Event) -> Answer:
        model = self._shelf().get(event.ref)
        return {
            "status": int(HTTPStatus.OK),
            "body": _encode(describe(model.ref, model.manifest)).decode(),
            "model_version": model.ref.version,
        }

    def _measure(self, event: _Event, chosen: Chosen | None, answer: Answer) -> None:
        status = answer["status"]
        metrics: dict[str, tuple[float, str]] = {
            "Rows": (answer["rows"], "Count"),
            "Rejected": (int(HTTPStatus.BAD_REQUEST <= status < 500), "Count"),  # noqa: PLR2004
            "Degraded": (int(answer["degraded"]), "Count"),
            "ColdStart": (int(self._cold), "Count"),
        }
        if status == HTTPStatus.OK:
            metrics["ModelMilliseconds"] = (answer["model_ms"], "Milliseconds")
        if self._cold:
            metrics["InitMilliseconds"] = (self._init_ms, "Milliseconds")
        if chosen is not None and (chosen.loaded or self._cold):
            metrics["LoadMilliseconds"] = (chosen.model.load_ms, "Milliseconds")
        self._cold = False
        dimensions = {"model": event.ref.model, "model_version": answer["model_version"]}
        properties = {"correlation_id": event.request_id, "route": event.route, "status": status}
        emit("predictor", metrics, dimensions, properties)


def _content(event: _Event) -> bytes:
    """The bytes of the body."""
    try:
        if event.base64:
            return base64.b64decode(event.body, validate=True)
        return event.body.encode()
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        kind = "base64" if event.base64 else "UTF-8"
        raise MalformedError(f"the body is not valid {kind}") from error


def _passable(body: bytes) -> str:
    """The body as text, if Lambda can carry it; there every quote takes two bytes."""
    if len(body) + body.count(b'"') + 2 * body.count(b"\\") > MOST_ANSWER_BYTES:
        raise TooLargeError("the answer would be too large; ask for fewer rows at once")
    return body.decode()


def _refusal(error: Exception, request_id: str) -> Answer:
    document = problem(error, request_id=request_id)
    answer: Answer = {
        "status": status_of(error),
        "body": _encode(document).decode(),
        "reason": document["detail"],
        "rows": 0,
        "model_ms": 0.0,
    }
    if isinstance(error, ConflictError):
        answer["mismatch"] = True
    return answer


def _log(error: Exception, event: _Event) -> None:
    """Log what is ours: faults, and why a model could not be loaded."""
    if isinstance(error, RejectedError):
        return
    told = error.__cause__ if isinstance(error, RetryableError) and error.__cause__ else error
    if not isinstance(told, RejectedError):
        log_error(told, request_id=event.request_id, route=event.route)
