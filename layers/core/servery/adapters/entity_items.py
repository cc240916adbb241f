"""The items of entities: where each is, and what it says.

| pk | doc | expires_at |
| --- | --- | --- |
| entity#kind#key | the data as JSON | seconds since 1970; absent where the data stay |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Item = dict[str, Any]

MOST_READ = 100
"""Keys of one BatchGetItem."""
MOST_BYTES = 380_000
"""Bytes of one document; DynamoDB takes items of 400 KB, keys and names included."""
NOT_MET = "ConditionalCheckFailedException"
_LONGEST_KEY = 2048


def place_of(entity: str, key: str) -> str:
    """Where an entity is; empty where no item can have such a key."""
    place = f"entity#{entity}#{key}"
    try:
        return place if key and len(place.encode()) <= _LONGEST_KEY else ""
    except UnicodeEncodeError:
        return ""


def places_of(entity: str, keys: Collection[str]) -> dict[str, str]:
    """Place to key of those entities that an item can be there of."""
    return {place: key for key in keys if (place := place_of(entity, key))}


def asked_for(table: str, places: Collection[str]) -> dict[str, Any]:
    """`RequestItems` of a BatchGetItem: it sees every write that came before it."""
    return {table: {"Keys": [{"pk": {"S": place}} for place in places], "ConsistentRead": True}}


def item_of(place: str, content: bytes, expires_at: int | None = None) -> Item:
    """An item as the table has it; `expires_at` in seconds since 1970, None for data that stay."""
    item: Item = {"pk": {"S": place}, "doc": {"S": content.decode()}}
    if expires_at is not None:
        item["expires_at"] = {"N": str(expires_at)}
    return item


def addition(table: str, item: Item, now: float) -> dict[str, Any]:
    """A PutItem that leaves data alone which are there and whose time is not up."""
    return {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
        "ExpressionAttributeValues": {":now": {"N": str(int(now))}},
    }


def data_of(
    items: Iterable[Item], places: Mapping[str, str], now: float
) -> dict[str, Mapping[str, Any]]:
    """The data by key, but for those whose time is up: DynamoDB takes days to delete them.

    Args:
        items: As they were read.
        places: Place to key.
        now: Seconds since 1970.
    """
    return {
        places[item["pk"]["S"]]: msgspec.json.decode(item["doc"]["S"])
        for item in items
        if "expires_at" not in item or float(item["expires_at"]["N"]) > now
    }


def pieces(all_of_them: Sequence[T], most: int) -> list[Sequence[T]]:
    """A sequence in pieces of at most so many."""
    return [all_of_them[first : first + most] for first in range(0, len(all_of_them), most)]
