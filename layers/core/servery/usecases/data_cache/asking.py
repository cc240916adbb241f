"""Has a model server answer rows, many at once; those that it refuses are found by halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.canonical import Reading
from servery.domain.inference import Form
from servery.domain.manifest import ModelRef, Part
from servery.errors import (
    FaultError,
    ModelServerError,
    RejectedError,
    RetryableError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from servery.domain.answered_rows import AnsweredRow
    from servery.domain.deployment import Served
    from servery.ports import ModelServers
    from servery.usecases.data_cache.models import CachedModel

ROUTE = "warm"
MOST_ROWS = 500
"""Rows of one call."""
SECONDS = 60.0
TRIES = 3
_OK = 200
_ROWS_FAULT = frozenset({400, 413, 422})

Values = tuple[Any, ...]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The event of a model server."""

    ref: ModelRef
    request_id: str
    body: str
    pair: str = ""
    verb: str = "infer"
    route: str = ROUTE
    cache: str = "off"
    exact: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What it answers."""

    status: int
    body: str = ""
    model_version: str = ""
    degraded: bool = False
    reason: str = ""


class Answers:
    """Asks one version.

    Args:
        served: Gives who serves it now; asked again after a failure, since servers are renewed.
        model: How it is asked and answers.
        servers: How it is called.
        most_rows: Rows of one request.
        most_bytes: Bytes of its body.
        wait: Waits for so many seconds.
        request_id: For logs.

    Attributes:
        at_once: Rows of one call.
    """

    def __init__(
        self,
        served: Callable[[], Served],
        model: CachedModel,
        servers: ModelServers,
        *,
        most_rows: int,
        most_bytes: int,
        wait: Callable[[float], None],
        request_id: str,
    ) -> None:
        self._served_now = served
        self._served = served()
        self._model = model
        self._servers = servers
        self.at_once = min(MOST_ROWS, most_rows)
        self._most_bytes = most_bytes
        self._wait = wait
        self._request_id = request_id

    def ask(self, rows: Sequence[Values]) -> list[AnsweredRow | None]:
        """What the version answers; None for a row that it refuses.

        Raises:
            UnavailableError: it gives no answer, however often it is asked.
            FaultError: what it answers is of no use.
        """
        if not rows:
            return []
        try:
            return list(self._ask(rows))
        except RejectedError:
            if len(rows) == 1:
                return [None]
        middle = len(rows) // 2
        return self.ask(rows[:middle]) + self.ask(rows[middle:])

    def _ask(self, rows: Sequence[Values]) -> list[AnsweredRow]:
        # Tensors say the datatype of numbers, which an answer of that form needs later.
        for form in (Form.TENSORS, Form.RECORDS):
            reply = self._call(self._body(rows, form))
            document = self._model.weaver.read(reply.body)
            if document is not None and len(document.rows) == len(rows):
                return document.rows
        raise FaultError("the model server answered what nobody can read")

    def _body(self, rows: Sequence[Values], form: Form) -> str:
        dtypes = self._model.canonical.dtypes
        columns = dict(zip(dtypes, map(list, zip(*rows, strict=True)), strict=True))
        reading = Reading(form, [], columns, None, (), dtypes)
        body = reading.question(range(len(rows)))
        if len(body.encode()) > self._most_bytes:
            raise TooLargeError("the rows are too large for one request")
        return body

    def _call(self, body: str) -> Reply:
        failure = UnavailableError("the model server gave no answer")
        for attempt in range(TRIES):
            if attempt:
                self._wait(2.0**attempt)
                self._served = self._served_now()
            try:
                reply = self._send(body)
            except (RetryableError, ModelServerError) as error:
                failure = UnavailableError(str(error))
                continue
            if reply.status == _OK and self._is_exact(reply):
                return reply
            if reply.status in _ROWS_FAULT:
                raise RejectedError(reply.reason)
            reason = reply.reason or "another version answered"
            failure = UnavailableError(f"the model server cannot answer: {reason}")
        raise failure

    def _send(self, body: str) -> Reply:
        ref = self._served.ref
        pair = ref.pair if ref.part is Part.PREDICTOR else ""
        call = Call(ref=ref, request_id=self._request_id, body=body, pair=pair)
        answer = self._servers.call(self._served.server, msgspec.json.encode(call), timeout=SECONDS)
        try:
            return msgspec.json.decode(answer, type=Reply)
        except msgspec.DecodeError as error:
            raise FaultError("the model server answered what nobody can read") from error

    def _is_exact(self, reply: Reply) -> bool:
        return reply.model_version == self._served.ref.version and not reply.degraded
