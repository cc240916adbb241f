"""DynamoDB's operations with nothing around them, for what stands in the way of every request.

A call by botocore's client takes over 2 milliseconds of a whole processor, of which a function of
half a gigabyte has a third; this takes less than half of that. The documents are DynamoDB's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.adapters.kept_connections import (
    BrokenConnectionError,
    HttpAnswer,
    KeptConnections,
    NoConnectionError,
    SlowAnswerError,
)
from servery.adapters.sigv4 import Credentials, sign_json
from servery.errors import FaultError, ThrottledError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from servery.ports import Clock

Document = dict[str, Any]

CONNECT_SECONDS = 0.5
_OK, _SERVER_SIDE = 200, 500
_NOT_MET = "ConditionalCheckFailedException"
_THROTTLES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
_TARGET = "DynamoDB_20120810."


class NotMetError(Exception):
    """The condition of a write is not met.

    Args:
        item: The item as it is, where the call asked for it; empty where there is none.
    """

    def __init__(self, item: Document) -> None:
        super().__init__("the condition is not met")
        self.item = item


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")
    item: Document = msgspec.field(name="Item", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanDynamoDb:
    """Calls DynamoDB over connections that are kept; any number of threads may share it.

    Attributes:
        connections: To DynamoDB.
        region: Of the tables.
        credentials: Gives who asks, at each call, since they may be renewed.
        clock: What requests are signed by.
    """

    connections: KeptConnections
    region: str
    credentials: Callable[[], Credentials]
    clock: Clock

    def call(self, operation: str, document: Mapping[str, Any], *, seconds: float) -> Document:
        """Send a request, wait so many seconds for its answer; `UpdateItem`, `GetItem`, ...

        A connection that was kept may have been closed on the other side, so the request is sent
        once more where one broke: what is written has to bear being written twice.

        Raises:
            NotMetError: a condition is not met.
            ThrottledError: the table takes no more.
            UnavailableError: it did not answer, or failed.
            FaultError: it refuses, since a permission or the table is missing.
        """
        content = msgspec.json.encode(document)
        try:
            try:
                response = self._send(operation, content, seconds)
            except BrokenConnectionError:
                response = self._send(operation, content, seconds)
        except (NoConnectionError, SlowAnswerError, BrokenConnectionError) as error:
            raise UnavailableError(f"DynamoDB gave no answer to {operation}") from error
        if response.status == _OK:
            answer: Document = msgspec.json.decode(response.data)
            return answer
        raise _refusal(operation, response)

    def _send(self, operation: str, content: bytes, seconds: float) -> HttpAnswer:
        headers = sign_json(
            _TARGET + operation,
            content,
            version="1.0",
            host=self.connections.host,
            region=self.region,
            service="dynamodb",
            credentials=self.credentials(),
            now=self.clock.now(),
        )
        return self.connections.post(
            "/",
            headers,
            content,
            connect_s=max(CONNECT_SECONDS, seconds),
            answer_s=seconds,
        )


def _refusal(operation: str, response: HttpAnswer) -> Exception:
    try:
        told = msgspec.json.decode(response.data, type=_Refusal)
    except msgspec.MsgspecError:
        told = _Refusal()
    code = told.kind.rpartition("#")[2]
    if code == _NOT_MET:
        return NotMetError(told.item)
    if code in _THROTTLES:
        return ThrottledError(f"{operation} is throttled")
    if response.status >= _SERVER_SIDE:
        return UnavailableError(f"{operation} failed on the other side ({code or response.status})")
    return FaultError(f"{operation} was refused: {code or response.status}")
