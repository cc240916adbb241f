"""The cache's table: answered rows by place, and flights; it fails silently, and soon."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from servery.adapters.entity_items import pieces
from servery.adapters.lean_dynamodb import NotMetError
from servery.adapters.row_items import item_of, key_of, row_of
from servery.domain.cached_rows import CachedRow
from servery.errors import ServeryError
from servery.ports.data_cache import Flight

if TYPE_CHECKING:
    from servery.adapters.lean_dynamodb import LeanDynamoDb

Write = tuple[str, dict[str, Any]]

SECONDS = 0.05
"""How long a request waits for the table, by default."""
FIRST_SECONDS = 0.3
"""The same where there is no connection yet."""
AWAY_SECONDS = 5.0
"""How long it is not asked once it has failed."""
WRITE_SECONDS = 1.0
MOST_READ, MOST_WRITTEN = 100, 25
MOST_PENDING = 5000
_FREE = "attribute_not_exists(pk) OR #u <= :now OR holder = :me"
_LEFT = "UnprocessedItems"


class DynamoDbRows:
    """Reads rows, and writes them when the response has left.

    Args:
        api: DynamoDB.
        table: Name of the table.
        failed: Told what the table failed of.
        seconds: How long a request waits for it, for each hundred rows.
        now: Seconds by a clock that only goes forward.
    """

    def __init__(
        self,
        api: LeanDynamoDb,
        table: str,
        *,
        failed: Callable[[Exception], None],
        seconds: float = SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._table = table
        self._failed = failed
        self._seconds = seconds
        self._now = now
        self._until = float("-inf")
        self._connected = False
        self._pending: deque[CachedRow | tuple[str, str]] = deque(maxlen=MOST_PENDING)

    @property
    def away(self) -> bool:
        """Whether it is not asked at the moment, since it failed."""
        return self._now() < self._until

    def read(self, places: Collection[str], *, fresh: bool = False) -> dict[str, CachedRow] | None:
        """What there is at these places; None where the table does not answer."""
        found: dict[str, CachedRow] = {}
        for piece in pieces(list(places), MOST_READ):
            asked = {"Keys": [key_of(place) for place in piece], "ConsistentRead": fresh}
            answer = self._ask("BatchGetItem", {"RequestItems": {self._table: asked}})
            if answer is None:
                return None
            items = answer.get("Responses", {}).get(self._table, [])
            found.update((row.place, row) for row in map(row_of, items) if row is not None)
        return found

    def keep(self, rows: Sequence[CachedRow]) -> None:
        """Write rows after the response; beyond so many that wait, the oldest are forgotten."""
        if not self.away:
            self._pending.extend(rows)

    def land(self, flight: str, owner: str) -> None:
        """Take a flight of ours out after the response."""
        if not self.away:
            self._pending.append((flight, owner))

    def take_off(self, flight: str, owner: str, *, now: float, until: float) -> bool | None:
        """Be the one who asks the model; None where the table does not answer."""
        item = {
            **key_of(flight),
            "holder": {"S": owner},
            "until": {"N": repr(until)},
            "expires_at": {"N": str(ceil(until))},
        }
        asked = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": _FREE,
            "ExpressionAttributeNames": {"#u": "until"},  # a reserved word
            "ExpressionAttributeValues": {":now": {"N": repr(now)}, ":me": {"S": owner}},
        }
        try:
            return None if self._ask("PutItem", asked) is None else True
        except NotMetError:
            return False

    def watch(self, flight: str, place: str, *, now: float) -> Flight | None:
        """How far a flight is; None where the table does not answer."""
        asked = {"Keys": [key_of(flight), key_of(place)], "ConsistentRead": True}
        answer = self._ask("BatchGetItem", {"RequestItems": {self._table: asked}})
        if answer is None:
            return None
        items = {item["pk"]["S"]: item for item in answer["Responses"].get(self._table, [])}
        there = items.get(flight)
        flying = there is not None and float(there["until"]["N"]) > now
        return Flight(row_of(items[place]) if place in items else None, flying)

    def flush(self, seconds: float) -> None:
        """Write what is pending, for so many seconds at the most; the rest is forgotten."""
        until = self._now() + seconds
        while self._pending and not self.away and self._now() < until:
            for operation, asked in self._writes():
                self._write(operation, asked, min(WRITE_SECONDS, max(0.01, until - self._now())))
        if self.away:
            self._pending.clear()

    def _writes(self) -> list[Write]:
        """The next writes, in order: as many rows as go together, or the end of a flight."""
        rows: dict[str, CachedRow] = {}
        while self._pending and len(rows) < MOST_WRITTEN:
            if not isinstance(self._pending[0], CachedRow):
                break
            row = self._pending.popleft()
            if isinstance(row, CachedRow):
                rows.pop(row.place, None)
                rows[row.place] = row
        if rows:
            puts = [{"PutRequest": {"Item": item_of(row)}} for row in rows.values()]
            return [("BatchWriteItem", {"RequestItems": {self._table: puts}})]
        landed = self._pending.popleft()
        if isinstance(landed, CachedRow):
            return []
        flight, owner = landed
        asked = {
            "TableName": self._table,
            "Key": key_of(flight),
            "ConditionExpression": "holder = :me",
            "ExpressionAttributeValues": {":me": {"S": owner}},
        }
        return [("DeleteItem", asked)]

    def _write(self, operation: str, asked: dict[str, Any], seconds: float) -> None:
        try:
            answer = self._ask(operation, asked, seconds)
            left = (answer or {}).get(_LEFT)
            if left:
                self._ask(operation, {"RequestItems": left}, seconds)
        except NotMetError:
            pass  # somebody else flies by now

    def _ask(
        self, operation: str, asked: dict[str, Any], seconds: float | None = None
    ) -> dict[str, Any] | None:
        """The answer of the table; None where there is none, and where it is away.

        Raises:
            NotMetError: a condition is not met.
        """
        if self.away:
            return None
        given = self._seconds if seconds is None else seconds
        if not self._connected:
            given = max(given, FIRST_SECONDS)
        try:
            answer = self._api.call(operation, asked, seconds=given)
        except ServeryError as error:
            self._until, self._connected = self._now() + AWAY_SECONDS, False
            self._failed(error)
            return None
        self._connected = True
        return answer
