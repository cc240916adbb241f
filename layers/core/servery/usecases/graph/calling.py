"""Asking one model of a graph for the rows of one step, by the rules of the gateway."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef
from servery.errors import (
    BadAnswerError,
    DeadlineExceededError,
    HopUnavailableError,
    InvalidInputError,
    ModelServerError,
    NotFoundError,
    RetryableError,
    ServeryError,
    TooLargeError,
    UnavailableError,
    Violation,
)
from servery.ports import Deployments, ModelServers
from servery.usecases.graph.plans import ModelHop
from servery.usecases.graph.values import ABSENT, Row, find

ROUTE = "graph"
LEAST_SECONDS = 0.005  # with less than this left, asking is of no use
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 8 * 1024

_OK, _GONE, _TOO_LARGE, _INVALID, _THROTTLED, _SLOW = 200, 409, 413, 422, 429, 504
_SERVER_ERROR, _UNAVAILABLE = 500, 503


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    ref: ModelRef
    request_id: str
    body: str
    exact: bool
    verb: str = "infer"
    route: str = ROUTE
    cache: str = "off"


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: str = ""
    model_version: str = ""
    model_ms: float = 0.0
    degraded: bool = False
    reason: str = ""


class _Body(msgspec.Struct, frozen=True):
    predictions: list[dict[str, Any]]


class _Wrong(msgspec.Struct, frozen=True):
    field: str
    message: str


class _Problem(msgspec.Struct, frozen=True):
    errors: list[_Wrong] = []


@dataclass(frozen=True, slots=True)
class Inference:
    """What a model answered.

    Attributes:
        rows: Its answer for each row, in order; every wanted path is there.
        model_version: The version that answered.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
    """

    rows: list[Row]
    model_version: str
    model_ms: float
    degraded: bool


class ModelCaller:
    """Calls model servers; any number of threads may share one.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        now: Seconds by the clock that deadlines go by.
    """

    def __init__(
        self, deployments: Deployments, servers: ModelServers, now: Callable[[], float]
    ) -> None:
        self._deployments = deployments
        self._servers = servers
        self._now = now
        _use_types_once()

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        return self._deployments.get(model)

    def ask(self, hop: ModelHop, rows: list[Row], *, request_id: str, until: float) -> Inference:
        """Have the rows of a hop predicted, in one call.

        Raises:
            InvalidInputError: the model refuses values; fields are those of its own input.
            TooLargeError: the model takes fewer rows or bytes at once.
            DeadlineExceededError: no answer until the time that it was given.
            HopUnavailableError: it cannot be reached, or has no model to answer with.
            BadAnswerError: it crashed, or answered what nobody can use.
        """
        started = self._now()
        try:
            reply = self._ask(hop, rows, request_id, until)
        except DeadlineExceededError as error:
            raise DeadlineExceededError(hop.name, round(until - started, 3)) from error
        except NotFoundError as error:
            message = f"{hop.name}: nothing is released that could answer"
            raise HopUnavailableError(hop.name, message) from error
        except RetryableError as error:
            message = f"{hop.name} cannot answer: {error.message}"
            raise HopUnavailableError(hop.name, message, retry_after=error.retry_after) from error
        except TooLargeError as error:
            raise TooLargeError(f"{hop.name}: {error.message}") from error
        except ServeryError as error:
            raise BadAnswerError(hop.name, f"{hop.name} failed: {error}") from error
        return _read(hop, reply, len(rows), round(until - started, 3))

    def _ask(self, hop: ModelHop, rows: list[Row], request_id: str, until: float) -> _Reply:
        deployment, served = self._locate(hop)
        body = msgspec.json.encode({"records": rows})
        most = deployment.limits.max_body_kb * 1000
        if len(body) > most:
            raise TooLargeError(f"its rows have {len(body)} bytes; the model takes {most}")
        text = body.decode()
        failure: ServeryError = UnavailableError("the server is pinned to another model")
        try:
            reply = self._call(hop, served, text, request_id, until)
            if reply.status != _GONE:
                return reply
        except UnavailableError as error:
            failure = error
        # The record may be seconds old; meanwhile its server can have been retired.
        self._deployments.forget(hop.model)
        now = self._locate(hop)[1]
        if now == served:
            raise failure
        return self._call(hop, now, text, request_id, until)

    def _locate(self, hop: ModelHop) -> tuple[Deployment, Served]:
        deployment = self._deployments.get(hop.model)
        return deployment, deployment.served(hop.version) if hop.version else deployment.champion

    def _call(
        self, hop: ModelHop, served: Served, body: str, request_id: str, until: float
    ) -> _Reply:
        left = until - self._now()
        if left < LEAST_SECONDS:
            raise DeadlineExceededError(hop.name, 0.0)
        call = _Call(ref=served.ref, request_id=request_id, body=body, exact=bool(hop.version))
        answer = self._servers.call(served.server, msgspec.json.encode(call), timeout=left)
        if len(answer) > MOST_ANSWER_BYTES:
            raise TooLargeError("the answer would be too large; send fewer rows")
        try:
            return msgspec.json.decode(answer, type=_Reply)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelServerError("it answered what nobody can read") from error


def _read(hop: ModelHop, reply: _Reply, rows: int, seconds: float) -> Inference:
    if reply.status == _OK:
        answers = _predictions(hop, reply, rows)
        return Inference(answers, reply.model_version, reply.model_ms, reply.degraded)
    if reply.status == _INVALID:
        raise _refusal(hop, reply)
    if reply.status == _TOO_LARGE:
        raise TooLargeError(f"{hop.name} does not take as many rows at once; send fewer")
    if reply.status in (_GONE, _THROTTLED, _UNAVAILABLE):
        reason = reply.reason or "the model server has no model at the moment"
        raise HopUnavailableError(hop.name, f"{hop.name} cannot answer: {reason}")
    if reply.status == _SLOW:
        raise DeadlineExceededError(hop.name, seconds)
    what = "failed" if reply.status >= _SERVER_ERROR else "did not understand what it was asked"
    raise BadAnswerError(hop.name, f"{hop.name} {what} ({reply.status})")


def _predictions(hop: ModelHop, reply: _Reply, rows: int) -> list[Row]:
    try:
        answers = msgspec.json.decode(reply.body, type=_Body).predictions
    except msgspec.DecodeError as error:
        message = f"{hop.name} answered what nobody can read"
        raise BadAnswerError(hop.name, message) from error
    if len(answers) != rows:
        message = f"{hop.name} answered {len(answers)} rows instead of {rows}"
        raise BadAnswerError(hop.name, message)
    for answer in answers:
        wrong = _wrong(hop, answer)
        if wrong:
            raise BadAnswerError(hop.name, f"{hop.name} answered badly: {wrong}")
    return answers


def _wrong(hop: ModelHop, answer: Row) -> str:
    """What is wrong with the answer for a row; empty where nothing is."""
    value = answer.get("class", answer.get("value"))
    if value is None:
        return "neither class nor value is there"
    if "class" in answer and not isinstance(value, (str, int)):
        return "the class is none"
    if "class" not in answer and not _is_number(value):
        return "the value is not a number"
    scores = answer.get("probabilities", {})
    if not isinstance(scores, dict) or not all(map(_is_number, scores.values())):
        return "the probabilities are not numbers"
    score = find(answer, hop.score) if hop.score else 0.0
    if not _is_number(score):
        return f"{hop.score} is {'missing' if score is ABSENT else 'not a number'}"
    lacking = [path for path in hop.wanted if find(answer, path) is ABSENT]
    return f"{lacking[0]} is missing" if lacking else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refusal(hop: ModelHop, reply: _Reply) -> ServeryError:
    try:
        found = msgspec.json.decode(reply.body, type=_Problem).errors
    except msgspec.DecodeError:
        return BadAnswerError(hop.name, f"{hop.name} refused its input and nobody can read why")
    return InvalidInputError(
        f"{hop.name} refuses its input", tuple(Violation(w.field, w.message) for w in found)
    )


def _use_types_once() -> None:
    """Each type before any thread does: msgspec makes what it needs of a type on first use."""
    msgspec.json.decode(b'{"status":0}', type=_Reply)
    msgspec.json.decode(b'{"predictions":[]}', type=_Body)
    msgspec.json.decode(b'{"errors":[{"field":"","message":""}]}', type=_Problem)
    for kind in (_Call, ModelRef, Deployment):
        try:
            msgspec.json.decode(b"{}", type=kind)
        except msgspec.ValidationError:
            continue
