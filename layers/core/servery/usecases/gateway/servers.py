"""Calling the server of a target, within the deadline, and once more where the record moved on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from servery.errors import (
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    TooLargeError,
    UnavailableError,
)
from servery.ports import Clock, Deployments, ModelServers
from servery.usecases.gateway.messages import OFF, Ask, ServerCall, ServerReply, Target

MARGIN_SECONDS = 0.5  # kept of the function's own time, for answering
LEAST_SECONDS = 0.05  # with less than this left, asking is of no use
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 8 * 1024  # what the answer of a function may have

Again = Callable[[Target, Ask], Target]


class Servers:
    """Asks model servers; bodies go through as text, unparsed.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        clock: What deadlines go by.
        again: Says who a target's request goes to by the record as it is now.
    """

    def __init__(
        self, deployments: Deployments, servers: ModelServers, clock: Clock, again: Again
    ) -> None:
        self._deployments = deployments
        self._servers = servers
        self._clock = clock
        self._again = again

    def ask(
        self, target: Target, verb: str, ask: Ask, *, cache: str = OFF, spent: float = 0.0
    ) -> tuple[Target, ServerReply]:
        """Call the server of a target, and once more where the record has moved on meanwhile.

        The record may be two seconds old, or a minute when the registry is down; in that time a
        server can be retired.

        Args:
            target: Who is asked.
            verb: For what.
            ask: With which body.
            cache: What the cache did, for the answer to say.
            spent: Seconds of the deadline that have been spent before.

        Returns:
            Who answered, and what.
        """
        started = self._clock.now()
        allowed = seconds_for(target, ask, spent)
        try:
            reply = self._call(target, verb, ask, cache, allowed)
            failure: Exception | None = None
            if not reply.gone:
                return target, reply
        except UnavailableError as error:
            failure = error
        self._deployments.forget(target.deployment.model)
        now = self._again(target, ask)
        if now.served == target.served:
            raise failure or ModelServerError("the model server is pinned to another model")
        left = allowed - (self._clock.now() - started).total_seconds()
        return now, self._call(now, verb, ask, cache, left)

    def _call(self, target: Target, verb: str, ask: Ask, cache: str, seconds: float) -> ServerReply:
        check_time(seconds)
        call = ServerCall(
            verb=verb,
            ref=target.served.ref,
            request_id=ask.request_id,
            route=target.route,
            cache=cache,
            body=ask.body,
            base64=ask.base64,
            exact=target.exact,
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


def seconds_for(target: Target, ask: Ask, spent: float = 0.0) -> float:
    """How long a server may take, when so many seconds have been spent before it is asked."""
    return min(target.deployment.deadline_ms / 1000, ask.seconds - MARGIN_SECONDS) - spent


def check_time(seconds: float) -> None:
    """Give up where asking is of no use any more.

    Raises:
        DeadlineExceededError: there is no time left; nobody was asked, so `gateway` is the hop.
    """
    if seconds < LEAST_SECONDS:
        raise DeadlineExceededError("gateway", max(0.0, round(seconds, 3)))
