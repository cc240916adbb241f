"""The data of entities in DynamoDB over plain HTTP: looked up by model servers, without an SDK."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from servery.adapters.entity_items import (
    MOST_BYTES,
    MOST_READ,
    NOT_MET,
    Item,
    addition,
    asked_for,
    data_of,
    item_of,
    pieces,
    place_of,
    places_of,
)
from servery.adapters.sigv4 import sign_json
from servery.errors import (
    ConflictError,
    FaultError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from servery.adapters.sigv4 import Credentials
    from servery.ports import Clock

SECONDS = 2.0
"""How long all reads of one request may take."""
_READ, _WRITE = "BatchGetItem", "PutItem"
_OK, _SERVER_SIDE = 200, 500
_PAUSE = 0.05
_THROTTLES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)


class _Answer(msgspec.Struct):
    responses: dict[str, list[Item]] = msgspec.field(name="Responses", default_factory=dict)
    left: dict[str, Any] = msgspec.field(name="UnprocessedKeys", default_factory=dict)


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")


class LeanEntities:
    """Reads the data of entities, and adds some, over one connection that is kept.

    Args:
        table: Name of the table.
        region: Of the table.
        credentials: Gives who asks, at each request, since they may be renewed.
        clock: For the signature, and for data whose time is up.
        endpoint: Address of another DynamoDB than AWS's.
        seconds: How long one call may take in all.
    """

    def __init__(
        self,
        *,
        table: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        endpoint: str = "",
        seconds: float = SECONDS,
    ) -> None:
        self._table = table
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._address = urlsplit(endpoint or f"https://dynamodb.{region}.amazonaws.com")
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key; of none whose time is up.

        Raises:
            ThrottledError: the table took no more until the time was up.
            UnavailableError: it did not answer until then.
            FaultError: it refuses, since a permission or the table is missing.
        """
        until = time.monotonic() + self._seconds
        places = places_of(entity, keys)
        read = (
            item
            for piece in pieces(list(places), MOST_READ)
            for item in self._items(asked_for(self._table, piece), until)
        )
        return data_of(read, places, self._clock.now().timestamp())

    def add(self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int) -> None:
        """Keep the data of one entity for so many seconds, unless there are some by now.

        Raises:
            TooLargeError: the key or the data are larger than an item may be.
            ThrottledError, UnavailableError, FaultError: as `get_many`.
        """
        now, place = self._clock.now().timestamp(), place_of(entity, key)
        content = msgspec.json.encode(data)
        if not place or len(content) > MOST_BYTES:
            raise TooLargeError(f"an entity of more than {MOST_BYTES // 1000} kB cannot be kept")
        item = item_of(place, content, int(now) + seconds)
        try:
            self._ask(_WRITE, addition(self._table, item, now), time.monotonic() + self._seconds)
        except ConflictError:
            return

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _items(self, asked: dict[str, Any], until: float) -> Iterator[Item]:
        """The items; keys that were left are asked for again, after a pause if all of them were."""
        pause = _PAUSE
        while asked:
            content = self._ask(_READ, {"RequestItems": asked}, until)
            answer = msgspec.json.decode(content, type=_Answer)
            yield from answer.responses.get(self._table, [])
            if answer.left and not answer.responses.get(self._table):
                _wait(pause, until, ThrottledError("looking up entities is throttled"))
                pause *= 2
            asked = answer.left

    def _ask(self, operation: str, asked: dict[str, Any], until: float) -> bytes:
        content = msgspec.json.encode(asked)
        pause = _PAUSE
        while True:
            try:
                status, answer = self._send(operation, content, until)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                failure = UnavailableError("looking up entities got no answer")
                failure.__cause__ = error
                _wait(0 if pause == _PAUSE else pause, until, failure)  # one may have been closed
            else:
                if status == _OK:
                    return answer
                _wait(pause, until, _refusal(status, answer))
            pause *= 2

    def _send(self, operation: str, content: bytes, until: float) -> tuple[int, bytes]:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._connection is None:
            tls = self._address.scheme != "http"
            kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
            self._connection = kind(self._address.netloc, timeout=left)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(left)
        headers = sign_json(
            f"DynamoDB_20120810.{operation}",
            content,
            version="1.0",
            host=self._address.netloc,
            region=self._region,
            service="dynamodb",
            credentials=self._credentials(),
            now=self._clock.now(),
        )
        self._connection.request("POST", "/", body=content, headers=headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def _wait(pause: float, until: float, failure: ThrottledError | UnavailableError) -> None:
    """Let a moment pass before trying again; the failure where there is no time for that."""
    if time.monotonic() + pause >= until:
        raise failure
    time.sleep(pause)


def _refusal(status: int, answer: bytes) -> ThrottledError | UnavailableError:
    try:
        code = msgspec.json.decode(answer, type=_Refusal).kind.rpartition("#")[2]
    except msgspec.MsgspecError:
        code = ""
    if code in _THROTTLES:
        return ThrottledError("looking up entities is throttled")
    if code == NOT_MET:
        raise ConflictError("there are data of that entity by now")
    if status >= _SERVER_SIDE:
        return UnavailableError(f"looking up entities failed on the other side ({code or status})")
    raise FaultError(f"looking up entities was refused: {code or status}")
