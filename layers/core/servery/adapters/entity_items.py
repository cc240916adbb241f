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
