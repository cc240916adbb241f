"""What is in the items of batches, in one DynamoDB table that is shared with jobs.

| pk | sk | what |
| --- | --- | --- |
| `batch#{id}` | `batch` | the batch; what lists go by is below |
| `batch#{id}` | `chunk#{name}` | what a chunk came to; the state machine writes it |
| `content#{model}#{etag}-{size}` | `batch` | the id of the newest batch over that content |
| `schedule#{model}` | `batch` | the period in which its schedule was last looked after |

Lists go by `listing` and `order`, those of one state by `listing_state` and `order_state`; they
show `summary`, which is all of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from servery.domain.batches import Batch, Source, order_of

SK = "batch"

Item = dict[str, Any]
D = TypeVar("D")


class Pointer(msgspec.Struct, frozen=True):
    """Says which batch is the newest over a content."""

    id: str


class Look(msgspec.Struct, frozen=True):
    """Says in which period a schedule was last looked after."""

    period: str


def item_of(batch: Batch) -> Item:
    """The item of a batch, with what its lists go by."""
    order, document = {"S": order_of(batch)}, document_of(batch)
    return {
        **key_of(f"batch#{batch.id}"),
        **document,
        "summary": document["doc"],
        "revision": {"N": str(batch.revision)},
        "listing": {"S": f"batch#{batch.model}"},
        "listing_state": {"S": f"batch#{batch.model}#{batch.state}"},
        "order": order,
        "order_state": order,
        "expires_at": {"N": str(int(batch.expires))},
    }


def pointer_to(batch: Batch, earlier: Batch | None) -> Item:
    """The write that makes a batch the newest over its content, but for the table.

    A pointer whose time has passed counts as none, whether DynamoDB removed it or not.

    Args:
        batch: What it is to point to.
        earlier: What it has to point to until then; None for nothing.
    """
    condition, values = "attribute_not_exists(pk)", {}
    if earlier is not None:
        condition, values = "doc = :seen", {":seen": document_of(Pointer(earlier.id))["doc"]}
    created = int(datetime.fromisoformat(batch.created).timestamp())
    return {
        "Item": {
            **key_of(content_key(batch.model, batch.source)),
            **document_of(Pointer(batch.id)),
            "expires_at": {"N": str(int(batch.expires))},
        },
        "ConditionExpression": f"{condition} OR expires_at < :now",
        "ExpressionAttributeValues": {**values, ":now": {"N": str(created)}},
    }


def read(item: Item, kind: type[D]) -> D:
    """What an item has as its document."""
    return msgspec.json.decode(item["doc"]["S"], type=kind)


def document_of(value: object) -> Item:
    """The attribute that has a value as a document."""
    return {"doc": {"S": msgspec.json.encode(value).decode()}}


def key_of(pk: str) -> Item:
    """The key of an item that is alone in its partition, or the first of it."""
    return {"pk": {"S": pk}, "sk": {"S": SK}}


def content_key(model: str, source: Source) -> str:
    """The partition of the pointer to the newest batch over the content of a file."""
    return f"content#{model}#{source.etag}-{source.size}"
