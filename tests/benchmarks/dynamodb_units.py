"""Request units of DynamoDB, from requests, answers and what the tables hold.

A write takes a unit for each KB of the item, as it was or as it is, whichever is larger; twice that
in a transaction; and one for each KB of each index entry that it changes. A read takes one for
each 4 KB, half of that where it need not be consistent. Sizes are those of names and values as
text, which is what DynamoDB bills but for some bytes; see "DynamoDB item sizes and formats" of its
manual.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakes.template import template
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

if TYPE_CHECKING:
    from benchmarks.counting_cloud import Answer, Request

REGION = "eu-central-1"
WRITE, READ = 1024, 4096
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
# These read records again when they are two seconds old, which is a matter of time, not of work.
SERVING = ("Gateway", "Jobs", "Graph", "MultiStage", "WebSingle", "MonitoringCompare")

Item = dict[str, Any]


def size_of(value: Any) -> int:
    """Bytes of an attribute value as DynamoDB writes it, or of a whole item."""
    total = 0
    for name, inside in value.items():
        total += len(name) if name not in _TYPES else 0
        if isinstance(inside, dict):
            total += size_of(inside)
        elif isinstance(inside, list):
            total += sum(
                size_of(each) if isinstance(each, dict) else len(str(each)) for each in inside
            )
        else:
            total += len(str(inside).encode())
    return total


_TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})


def kilobytes(size: int, each: int) -> int:
    """Units of a size; an item that is not there takes one."""
    return max(1, -(-size // each))


@dataclass
class Units:
    """Counts what requests take; made when moto is up.

    Attributes:
        tables: The properties of tables, by name; those of the template by their logical ids.
    """

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for logical_id, resource in template()["Resources"].items():
            if resource["Type"] == "AWS::DynamoDB::Table":
                self.tables[logical_id] = resource["Properties"]

    def around(
        self,
        request: Request,
        ask: Callable[[Request], Answer],
        count: Callable[[Request, dict[str, float]], None],
    ) -> Answer:
        """Ask, and count what was asked."""
        asked = request.document()
        if request.operation not in _WRITES:
            told = ask(request)
            units = self._read(request.operation, asked, told)
            kept = asked.get("TableName") == "RegistryTable" and request.caller.startswith(SERVING)
            count(request, {"record reads" if kept else "dynamodb reads": units})
            return told
        places = list(_places(request.operation, asked))
        twice = 2 if request.operation == "TransactWriteItems" else 1
        before = [self._item(table, self._key(table, named)) for table, named, _ in places]
        told = ask(request)
        total = 0.0
        for (table, named, changes), was in zip(places, before, strict=True):
            now = self._item(table, self._key(table, named)) if changes else was
            larger = max(size_of(was), size_of(now))
            total += kilobytes(larger, WRITE) * twice + self._entries(table, was, now)
        count(request, {"dynamodb writes": total})
        return told

    def _read(self, operation: str, asked: dict[str, Any], told: Answer) -> float:
        document = json.loads(told[2]) if told[0] == 200 else {}
        if operation == "BatchGetItem":
            total = 0.0
            for table, wanted in asked["RequestItems"].items():
                found = document.get("Responses", {}).get(table, [])
                whole = wanted.get("ConsistentRead", False)
                sizes = [size_of(item) for item in found]
                sizes += [0] * (len(wanted["Keys"]) - len(found))
                total += sum(kilobytes(size, READ) for size in sizes) * (1 if whole else 0.5)
            return total
        if operation == "TransactGetItems":
            return 2.0 * sum(
                kilobytes(size_of(each.get("Item", {})), READ)
                for each in document.get("Responses", [])
            )
        half = 1 if asked.get("ConsistentRead") else 0.5
        if operation == "GetItem":
            return kilobytes(size_of(document.get("Item", {})), READ) * half
        return kilobytes(sum(map(size_of, document.get("Items", []))), READ) * half

    def _key(self, table: str, named: Item) -> Item:
        return {
            each["AttributeName"]: named[each["AttributeName"]]
            for each in self._of(table)["KeySchema"]
        }

    def _item(self, table: str, key: Item) -> Item:
        # Of moto itself: a client takes longer for it than what is counted.
        held = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(table, key)
        found: Item = held.to_json()["Attributes"] if held is not None else {}
        return found

    def _of(self, table: str) -> dict[str, Any]:
        return self.tables[table]

    def _entries(self, table: str, was: Item, now: Item) -> float:
        """Units of the entries of indexes."""
        total = 0.0
        for index in self._of(table).get("GlobalSecondaryIndexes", []):
            names = [each["AttributeName"] for each in index["KeySchema"]]
            old, new = (self._entry(table, index, item, names) for item in (was, now))
            if old == new:
                continue
            moved = [old.get(name) for name in names] != [new.get(name) for name in names]
            entries = [each for each in ((old, new) if moved else (new or old,)) if each]
            total += sum(kilobytes(size_of(each), WRITE) for each in entries)
        return total

    def _entry(self, table: str, index: dict[str, Any], item: Item, names: list[str]) -> Item:
        if any(name not in item for name in names):
            return {}
        keys = [each["AttributeName"] for each in self._of(table)["KeySchema"]]
        kept = {*names, *keys, *index["Projection"].get("NonKeyAttributes", [])}
        return {name: value for name, value in item.items() if name in kept}


def _places(operation: str, asked: dict[str, Any]) -> Iterator[tuple[str, Item, bool]]:
    """Table, key or item, and whether it is changed, of each write of a request."""
    if operation == "BatchWriteItem":
        for table, writes in asked["RequestItems"].items():
            for write in writes:
                inside = write.get("PutRequest", {}).get("Item") or write["DeleteRequest"]["Key"]
                yield table, inside, True
    elif operation == "TransactWriteItems":
        for write in asked["TransactItems"]:
            ((kind, inside),) = write.items()
            yield inside["TableName"], inside.get("Item") or inside["Key"], kind != "ConditionCheck"
    else:
        yield asked["TableName"], asked.get("Item") or asked["Key"], True
