"""Asking one model of a graph for the rows of one step, by the rules of the gateway."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from servery.domain.deployment import Deployment
from servery.errors import (
    BadAnswerError,
    DeadlineExceededError,
    HopUnavailableError,
    ModelServerError,
    NotFoundError,
    RetryableError,
    ServeryError,
    TooLargeError,
    UnavailableError,
)
from servery.ports import Deployments, ModelServers, PredictionCache
from servery.usecases.graph.cached import CachedHops, complete
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.locating import Locator, Target
from servery.usecases.graph.messages import Reply, use_types_once
from servery.usecases.graph.replies import GONE, Inference, read
from servery.usecases.graph.sending import Question, Sending

LEAST_SECONDS = 0.005  # with less than this left, asking is of no use
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 8 * 1024


class ModelCaller:
    """Calls model servers; any number of threads may share one.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        now: Seconds by the clock that deadlines go by.
        cache: Makes what answers repeats, where a deployment's policies ask for it.
    """

    def __init__(
        self,
        deployments: Deployments,
        servers: ModelServers,
        now: Callable[[], float],
        cache: Callable[[], PredictionCache] | None = None,
    ) -> None:
        self._locator = Locator(deployments)
        self._servers = servers
        self._now = now
        self._cached = CachedHops(cache, self._locator.deployment, self._locate, now)
        use_types_once()

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        return self._locator.deployment(model)

    def ask(self, hop: ModelHop, question: Question, *, request_id: str, until: float) -> Inference:
        """Have the rows of a hop predicted, in one call.

        Raises:
            InvalidInputError: the model refuses values; fields are those of its own input, and
                `lookup[3]` for a key that there are no data of.
            TooLargeError: the model takes fewer rows or bytes at once.
            DeadlineExceededError: no answer until the time that it was given.
            HopUnavailableError: it cannot be reached, or has no model to answer with.
            BadAnswerError: it crashed, or answered what nobody can use, or as a half of another
                pair.
        """
        started = self._now()
        body = msgspec.json.encode({"records": question.rows}).decode()
        try:
            sending = Sending(hop, question, body, request_id, until)
            target, reply = self._answer(sending)
        except DeadlineExceededError as error:
            raise DeadlineExceededError(hop.reached, round(until - started, 3)) from error
        except NotFoundError as error:
            message = f"{hop.name}: nothing is released that could answer"
            raise HopUnavailableError(hop.name, message) from error
        except RetryableError as error:
            away, after = hop.reached, error.retry_after
            message = f"{away} cannot answer: {error.message}"
            raise HopUnavailableError(away, message, retry_after=after) from error
        except TooLargeError as error:
            raise TooLargeError(f"{hop.name}: {error.message}") from error
        except ServeryError as error:
            raise BadAnswerError(hop.reached, f"{hop.reached} failed: {error}") from error
        return read(
            hop,
            reply,
            rows=len(question.rows),
            pair=target.pair,
            seconds=round(until - started, 3),
        )

    def _answer(self, sending: Sending) -> tuple[Target, Reply]:
        found = self._cached.look(sending)
        return self._ask(sending) if found is None else complete(*found, sending, self._ask)

    def _ask(self, sending: Sending) -> tuple[Target, Reply]:
        hop = sending.hop
        target = self._locate(hop, sending.question.pair)
        size, most = len(sending.body.encode()), target.most_bytes
        if size > most:
            raise TooLargeError(f"its rows have {size} bytes; the model takes {most}")
        failure: ServeryError | None = None
        reply = Reply(status=GONE)
        try:
            reply = self._send(sending, target)
            if reply.status != GONE:
                return target, reply
        except UnavailableError as error:
            failure = error
        # The record may be seconds old; meanwhile its server can have been retired.
        self._locator.forget(hop)
        now = self._locator.locate(hop, sending.question.pair)
        if now != target:
            return now, self._send(sending, now)
        if failure is not None:
            raise failure
        return target, reply

    def _locate(self, hop: ModelHop, pair: str) -> Target:
        try:
            return self._locator.locate(hop, pair)
        except NotFoundError:
            if not hop.paired:
                raise
        # The record of one half may be older than that of the other.
        self._locator.forget(hop)
        return self._locator.locate(hop, pair)

    def _send(self, sending: Sending, target: Target) -> Reply:
        left = sending.until - self._now()
        if left < LEAST_SECONDS:
            raise DeadlineExceededError(sending.hop.reached, 0.0)
        event = msgspec.json.encode(sending.call(target, left))
        answer = self._servers.call(target.served.server, event, timeout=left)
        if len(answer) > MOST_ANSWER_BYTES:
            raise TooLargeError("the answer would be too large; send fewer rows")
        try:
            return msgspec.json.decode(answer, type=Reply)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelServerError("it answered what nobody can read") from error
