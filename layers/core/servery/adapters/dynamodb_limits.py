"""Shared limits in DynamoDB: one item for the places of a shard, one for the bucket of a scope."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from servery.adapters.lean_dynamodb import LeanDynamoDb, NotMetError
from servery.domain.leases import Place, Places

if TYPE_CHECKING:
    from servery.domain.token_bucket import Bucket

SECONDS = 0.2
"""How long the table may take to answer."""
MOST_KNOWN = 256
_ATTEMPTS = 3
_KEPT_SECONDS = 3600  # an item that nobody writes any more is removed after so long

Item = dict[str, dict[str, str]]


class DynamoDbPlaces:
    """The places of a shard are attributes of one item: `o3` who has the third, `u3` until when.

    Args:
        api: DynamoDB.
        table: Name of the table.
        seconds: How long it may take to answer.
    """

    def __init__(self, api: LeanDynamoDb, table: str, *, seconds: float = SECONDS) -> None:
        self._api = api
        self._table = table
        self._seconds = seconds

    def look(self, shard: str, size: int) -> Places:
        """The places of a shard, with every write that came before."""
        asked = {"TableName": self._table, "Key": _key(shard), "ConsistentRead": True}
        answer = self._api.call("GetItem", asked, seconds=self._seconds)
        return _places(answer.get("Item", {}), size)

    def take(self, shard: str, size: int, wanted: Place, *, now: float) -> tuple[bool, Places]:
        """Take a place that is free or ours, or renew it; whether it is ours, and all of them."""
        asked = {
            "TableName": self._table,
            "Key": _key(shard),
            "UpdateExpression": "SET #o = :me, #u = :until, expires_at = :gone",
            "ConditionExpression": "attribute_not_exists(#u) OR #u <= :now OR #o = :me",
            "ExpressionAttributeNames": _names(wanted.number),
            "ExpressionAttributeValues": {
                ":me": {"S": wanted.owner},
                ":now": _number(now),
                ":until": _number(wanted.until),
                ":gone": {"N": str(ceil(wanted.until) + _KEPT_SECONDS)},
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self._api.call("UpdateItem", asked, seconds=self._seconds)
        except NotMetError as error:
            return False, _places(error.item, size)
        return True, _places(answer.get("Attributes", {}), size)

    def give_back(self, shard: str, place: Place) -> None:
        """Free a place; nothing happens where it is no longer ours."""
        asked = {
            "TableName": self._table,
            "Key": _key(shard),
            "UpdateExpression": "REMOVE #o, #u",
            "ConditionExpression": "#o = :me",
            "ExpressionAttributeNames": _names(place.number),
            "ExpressionAttributeValues": {":me": {"S": place.owner}},
        }
        try:
            self._api.call("UpdateItem", asked, seconds=self._seconds)
        except NotMetError:
            return


class DynamoDbTokens:
    """A bucket is one number, `full_at`: when it will be full again.

    Args:
        api: DynamoDB.
        table: Name of the table.
        seconds: How long it may take to answer.
    """

    def __init__(self, api: LeanDynamoDb, table: str, *, seconds: float = SECONDS) -> None:
        self._api = api
        self._table = table
        self._seconds = seconds
        self._known: dict[str, float] = {}

    def draw(self, scope: str, bucket: Bucket, tokens: int, *, now: float) -> tuple[int, float]:
        """Draw so many tokens, or as many as there are; none at all is an answer too.

        What was known of the bucket says which of two writes is tried first: the one for a
        bucket that is full, or the one for a bucket that is not. Where that was wrong, or other
        processes were faster, the write says what the bucket is like now.
        """
        full_at = self._known.pop(scope, 0.0)
        for _ in range(_ATTEMPTS):
            drawn = min(tokens, bucket.available(full_at, now))
            if drawn <= 0:
                break
            written, full_at = self._write(scope, bucket, drawn, now, full=full_at <= now)
            if written:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[scope] = full_at
                return drawn, full_at
        return 0, full_at

    def _write(
        self, scope: str, bucket: Bucket, drawn: int, now: float, *, full: bool
    ) -> tuple[bool, float]:
        cost = drawn * bucket.each
        filled = ceil(now + bucket.size * bucket.each)  # gone before, it would be full too early
        values = {":now": _number(now), ":gone": {"N": str(filled + _KEPT_SECONDS)}}
        if full:
            change = "SET full_at = :then, expires_at = :gone"
            condition = "attribute_not_exists(full_at) OR full_at <= :now"
            values |= {":then": _number(now + cost)}
        else:
            change = "SET full_at = full_at + :cost, expires_at = :gone"
            condition = "full_at > :now AND full_at <= :most"
            values |= {":cost": _number(cost), ":most": _number(bucket.ceiling(now, drawn))}
        asked = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"rate#{scope}"}},
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self._api.call("UpdateItem", asked, seconds=self._seconds)
        except NotMetError as error:
            return False, _value(error.item, "full_at")
        return True, _value(answer.get("Attributes", {}), "full_at")


def _key(shard: str) -> Item:
    return {"pk": {"S": f"places#{shard}"}}


def _names(number: int) -> dict[str, str]:
    return {"#o": f"o{number}", "#u": f"u{number}"}


def _number(value: float) -> dict[str, str]:
    return {"N": f"{value:.6f}"}


def _value(item: dict[str, Any], name: str) -> float:
    return float(item[name]["N"]) if name in item else 0.0


def _places(item: dict[str, Any], size: int) -> Places:
    return Places(
        size,
        tuple(
            Place(int(name[1:]), item[f"o{name[1:]}"]["S"], float(held["N"]))
            for name, held in item.items()
            if name[0] == "u" and name[1:].isdigit()
        ),
    )
