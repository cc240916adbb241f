"""Find who serves a model and pass the request on; bodies go through as text, unparsed."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.errors import (
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from servery.ports import Clock, Deployments, ModelServers
from servery.usecases.gateway.messages import (
    Ask,
    ModelReady,
    Prediction,
    ServerCall,
    ServerReply,
    Target,
)

CHAMPION = "champion"
PINNED = "version"
CACHE = "off"

HOP = "model server"
MARGIN_SECONDS = 0.5  # kept of the function's own time, for answering
LEAST_SECONDS = 0.05  # with less than this left, asking is of no use
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 8 * 1024  # what the answer of a function may have

_OK = 200


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

    def _ask(self, target: Target, verb: str, ask: Ask) -> ServerReply:
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

    def _call(self, target: Target, verb: str, ask: Ask, seconds: float) -> ServerReply:
        if seconds < LEAST_SECONDS:
            raise DeadlineExceededError("gateway", max(0.0, round(seconds, 3)))
        call = ServerCall(
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
            return msgspec.json.decode(answer, type=ServerReply)
        except msgspec.DecodeError as error:
            raise ModelServerError("the model server answered what nobody can read") from error


def _half(deployment: Deployment, pair: str) -> Served | None:
    """Who serves the half of a pair; None where nobody does, or none was said."""
    try:
        return deployment.paired(pair) if pair else None
    except NotFoundError:
        return None
