"""The data of entities in DynamoDB: one item each; `entity_items` says how they look."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
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
from servery.errors import ThrottledError, TooLargeError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports.clock import Clock

MOST_WRITTEN = 25
"""Items of one BatchWriteItem."""
AT_ONCE = 8
"""Reads under way at the most, of whoever looks up."""


class DynamoDbEntities:
    """Keeps the data of entities. What does not fit into one call is read by several at once.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
        clock: The time. DynamoDB takes days to delete what has expired, so it is left out here.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "entities")

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key; of none whose time is up.

        Raises:
            ThrottledError: the table takes no more at the moment.
        """
        places = places_of(entity, keys)
        parts = pieces(list(places), MOST_READ)
        ask = self._threads.map if len(parts) > 1 else map
        read = (item for items in ask(self._read, parts) for item in items)
        return data_of(read, places, self._clock.now().timestamp())

    def put(
        self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int | None = None
    ) -> None:
        """Keep the data of one entity, whole; for so many seconds, or for good.

        Raises:
            TooLargeError: the key or the data are larger than an item may be.
        """
        item = self._item(entity, key, data, seconds)
        with aws_errors("keeping the data of an entity"):
            self._client.put_item(TableName=self._table, Item=item)

    def put_many(
        self, entity: str, rows: Mapping[str, Mapping[str, Any]], *, seconds: int | None = None
    ) -> None:
        """Keep the data of several; doing it again changes nothing.

        Raises:
            TooLargeError: a key or the data of one are larger than an item may be.
            UnavailableError: not all could be written.
        """
        items = [self._item(entity, key, data, seconds) for key, data in rows.items()]
        for piece in pieces(items, MOST_WRITTEN):
            self._write([{"PutRequest": {"Item": item}} for item in piece])

    def add(self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int) -> None:
        """Keep the data of one entity for so many seconds, unless there are some by now.

        Raises:
            TooLargeError: the key or the data are larger than an item may be.
        """
        item = self._item(entity, key, data, seconds)
        asked = addition(self._table, item, self._clock.now().timestamp())
        with aws_errors("keeping the data of an entity"):
            try:
                self._client.put_item(**asked)
            except ClientError as error:
                if code_of(error) != NOT_MET:
                    raise

    def remove(self, entity: str, key: str) -> None:
        """Forget one entity; nothing happens where there is none."""
        if place := place_of(entity, key):
            with aws_errors("forgetting an entity"):
                self._client.delete_item(TableName=self._table, Key={"pk": {"S": place}})

    def _item(self, entity: str, key: str, data: Mapping[str, Any], seconds: int | None) -> Item:
        place = place_of(entity, key)
        content = msgspec.json.encode(data)
        if not place or len(content) > MOST_BYTES:
            raise TooLargeError(f"an entity of more than {MOST_BYTES // 1000} kB cannot be kept")
        now = int(self._clock.now().timestamp())
        return item_of(place, content, None if seconds is None else now + seconds)

    def _read(self, places: Collection[str]) -> list[Item]:
        return list(self._items(asked_for(self._table, places)))

    def _items(self, asked: dict[str, Any]) -> Iterator[Item]:
        while asked:
            with aws_errors("looking up entities"):
                answer: Any = self._client.batch_get_item(RequestItems=asked)
            yield from answer["Responses"].get(self._table, [])
            left: dict[str, Any] = answer.get("UnprocessedKeys", {})
            if left and len(left[self._table]["Keys"]) == len(asked[self._table]["Keys"]):
                raise ThrottledError("looking up entities is throttled")
            asked = left

    def _write(self, requests: list[Any]) -> None:
        while requests:
            with aws_errors("keeping the data of entities"):
                answer = self._client.batch_write_item(RequestItems={self._table: requests})
            left: list[Any] = answer.get("UnprocessedItems", {}).get(self._table, [])
            if len(left) == len(requests):
                raise UnavailableError("not all could be written; send them again")
            requests = left
