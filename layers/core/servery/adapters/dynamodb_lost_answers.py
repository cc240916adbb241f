"""Conditional writes whose answer was lost: the repeat of one finds what the first has written.

An SDK sends a write again when no answer came in time. When the first had got through, the
condition of the second is not met, although nobody else has written anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]


def was_sent_again(error: ClientError) -> bool:
    """Whether the call that was refused had been sent before, with no answer."""
    response: dict[str, Any] = dict(error.response)
    return int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) > 0


def got_through(
    error: ClientError, client: DynamoDBClient, table: str, key: Item, attributes: Item
) -> bool:
    """Whether a write that was refused is the repeat of one that got through."""
    return was_sent_again(error) and is_written(client, table, key, attributes)


def is_written(client: DynamoDBClient, table: str, key: Item, attributes: Item) -> bool:
    """Whether an item is there with all of these attributes; it may have more."""
    answer = client.get_item(TableName=table, Key=dict(key), ConsistentRead=True)
    item = answer.get("Item")
    return item is not None and all(item.get(name) == value for name, value in attributes.items())
