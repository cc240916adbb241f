"""Find who serves a model and pass the request on; bodies go through as text, unparsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef
from servery.errors import (
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from servery.ports import Clock, Deployments, ModelServers

CHAMPION = "champion"
PINNED = "version"
CACHE = "off"

HOP = "model server"
MARGIN_SECONDS = 0.5  # kept of the function's own time, for answering
LEAST_SECONDS = 0.05  # with less than this left, asking is of no use
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 8 * 1024  # what the answer of a function may have

_OK = 200
_CONFLICT = 409


class _Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    verb: str
    ref: ModelRef
    request_id: str
    route: str = ""
    cache: str = ""
    body: str = ""
    base64: bool = False
    exact: bool = False
    pair: str = ""


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: str = ""
    model_version: str = ""
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False
    ready: bool = False
    reason: str = ""
    digest: str = ""
    runtime: str = ""
    code: str = ""
    load_ms: float = 0.0
    pair: str = ""
    mismatch: bool = False

    @property
    def gone(self) -> bool:
        """Whether the server is pinned to another model than the record says.

        That features are of another pair is a conflict too, which no other server would end.
        """
        return self.status == _CONFLICT and self.mismatch


@dataclass(frozen=True, slots=True)
class Target:
    """Who a request goes to.

    Attributes:
        deployment: The record that says so.
        served: The version and its server.
        route: `champion`, or `version` where the caller asked for one by name.
    """

    deployment: Deployment
    served: Served
    route: str

    @property
    def version(self) -> str:
        """The version that answers, as long as no other one stands in for it."""
        return self.served.ref.version


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to predict.

    Attributes:
        body: The body as it came.
        base64: Whether it is in base64.
        size: Its bytes, decoded.
        request_id: What every log knows the request by.
        seconds: How long this function may still run.
        pair: Whose features the rows are, as the caller says; empty where they are none.
    """

    body: str
    base64: bool
    size: int
    request_id: str
    seconds: float
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model server answered; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it.
        body: The complete JSON document, a problem document where the status says so.
        model_version: The version that answered.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
        pair: Id of the pair that the one who answered is half of.
    """

    status: int
    body: str
    model_version: str
    rows: int
    model_ms: float
    degraded: bool
    pair: str = ""


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """A model server that has loaded its model and reproduced the recorded sample."""

    name: str
    ready: bool
    model_version: str
    digest: str = ""
    runtime: str = ""
    code: str = ""
    load_ms: float = 0.0


class Gateway:
    """Asks the model server that the deployment record names.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        clock: What deadlines go by.
    """

    def __init__(self, deployments: Deployments, servers: ModelServers, clock: Clock) -> None:
        self._deployments = deployments
        self._servers = servers
        self._clock = clock

    def check(self) -> None:
        """Make sure that requests can be served at all; `UnavailableError` where they cannot."""
        self._deployments.probe()

    def locate(self, model: str, version: str | None = None, pair: str = "") -> Target:
        """Who a request for a model, or for one version of it, goes to.

        Features go to the predictor that was trained with who made them, which while a pair is
        being released may be the last good one.

        Raises:
            NotFoundError: nobody serves that.
        """
        deployment = self._deployments.get(model)
        if version is not None:
            return Target(deployment, deployment.served(version), PINNED)
        half, champion = _half(deployment, pair), deployment.champion
        if half is None or half.ref.pair == champion.ref.pair:
            return Target(deployment, champion, CHAMPION)
        return Target(deployment, half, PINNED)

    def infer(self, target: Target, ask: Ask) -> Prediction:
        """Have the rows of a body predicted.

        Raises:
            TooLargeError: more bytes than the deployment allows, or than an answer may have.
            MalformedError: the body is no text that could be passed on.
            DeadlineExceededError: no answer within the deployment's deadline.
        """
        most = target.deployment.limits.max_body_kb * 1000
        if ask.size > most:
            raise TooLargeError(f"the body has {ask.size} bytes; this model takes {most}")
        reply = self._ask(target, "infer", ask)
        version = reply.model_version or target.version
        return Prediction(
            reply.status,
            reply.body,
            version,
            reply.rows,
            reply.model_ms,
            reply.degraded,
            reply.pair,
        )

    def metadata(self, target: Target, *, request_id: str, seconds: float) -> dict[str, Any]:
        """The model as the Open Inference Protocol describes it, with the versions served."""
        reply = self._ask(target, "metadata", Ask("", False, 0, request_id, seconds))
        if reply.status != _OK:
            raise UnavailableError(reply.reason or "the model server has no model yet")
        document: dict[str, Any] = msgspec.json.decode(reply.body)
        served = (target.deployment.champion, target.deployment.last_good)
        versions = dict.fromkeys(s.ref.version for s in served if s is not None)
        return {**document, "name": target.deployment.model, "versions": list(versions)}

    def ready(self, target: Target, *, request_id: str, seconds: float) -> ModelReady:
        """Have the model server check itself.

        Raises:
            UnavailableError: it is not ready; the sentence says why.
        """
        reply = self._ask(target, "ready", Ask("", False, 0, request_id, seconds))
        if reply.status != _OK or not reply.ready:
            raise UnavailableError(reply.reason or "the model is not ready", retry_after=2)
        return ModelReady(
            name=target.deployment.model,
            ready=True,
            model_version=reply.model_version or target.version,
            digest=reply.digest,
            runtime=reply.runtime,
            code=reply.code,
            load_ms=reply.load_ms,
        )

    def _ask(self, target: Target, verb: str, ask: Ask) -> _Reply:
        """Call the server of a target, and once more where the record has moved on meanwhile.

        The record may be two seconds old, or a minute when the registry is down; in that time a
        server can be retired.
        """
        started = self._clock.now()
        allowed = min(target.deployment.deadline_ms / 1000, ask.seconds - MARGIN_SECONDS)
        try:
            reply = self._call(target, verb, ask, allowed)
            failure: Exception | None = None
            if not reply.gone:
                return reply
        except UnavailableError as error:
            failure = error
        self._deployments.forget(target.deployment.model)
        now = self.locate(
            target.deployment.model,
            None if target.route == CHAMPION else target.version,
            ask.pair,
        )
        if now.served == target.served:
            raise failure or ModelServerError("the model server is pinned to another model")
        left = allowed - (self._clock.now() - started).total_seconds()
        return self._call(now, verb, ask, left)

    def _call(self, target: Target, verb: str, ask: Ask, seconds: float) -> _Reply:
        if seconds < LEAST_SECONDS:
            raise DeadlineExceededError("gateway", max(0.0, round(seconds, 3)))
        call = _Call(
            verb=verb,
            ref=target.served.ref,
            request_id=ask.request_id,
            route=target.route,
            cache=CACHE,
            body=ask.body,
            base64=ask.base64,
            exact=target.route == PINNED,
            pair=ask.pair,
        )
        try:
            payload = msgspec.json.encode(call)
        except UnicodeEncodeError as error:
            raise MalformedError("the body, or the pair, is no UTF-8 text") from error
        answer = self._servers.call(target.served.server, payload, timeout=seconds)
        if len(answer) > MOST_ANSWER_BYTES:
            raise TooLargeError("the answer would be too large; send fewer rows")
        try:
            return msgspec.json.decode(answer, type=_Reply)
        except msgspec.DecodeError as error:
            raise ModelServerError("the model server answered what nobody can read") from error


def _half(deployment: Deployment, pair: str) -> Served | None:
    """Who serves the half of a pair; None where nobody does, or none was said."""
    try:
        return deployment.paired(pair) if pair else None
    except NotFoundError:
        return None
