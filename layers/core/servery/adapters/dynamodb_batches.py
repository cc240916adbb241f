"""Batches in one DynamoDB table, shared with jobs; what is in an item is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, cancellation_codes, code_of
from servery.adapters.dynamodb_batch_items import (
    Item,
    Look,
    Pointer,
    content_key,
    document_of,
    item_of,
    key_of,
    pointer_to,
    read,
)
from servery.adapters.dynamodb_lost_answers import got_through
from servery.domain.batches import Batch, BatchState, Source
from servery.domain.chunks import ChunkResult
from servery.errors import ConflictError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LONGEST_ID = 100
_NOT_MET = "ConditionalCheckFailed"
_BUSY = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"})

D = TypeVar("D")


class DynamoDbBatches:
    """Keeps batches and what their chunks came to.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, batch: Batch, *, earlier: Batch | None = None) -> Batch:
        """Keep a new batch; where one is kept under its id already, that one is given back.

        Raises:
            ConflictError: the newest batch over the same content is another than `earlier`.
            UnavailableError: somebody else writes the same items at this moment.
        """
        new = "attribute_not_exists(pk)"
        parts = [{"TableName": self._table, "Item": item_of(batch), "ConditionExpression": new}]
        if not batch.state.final:
            parts.append({"TableName": self._table, **pointer_to(batch, earlier)})
        with aws_errors("keeping a batch"):
            try:
                self._client.transact_write_items(
                    TransactItems=[{"Put": part} for part in parts]  # type: ignore[typeddict-item]
                )
            except ClientError as error:
                codes = cancellation_codes(error)
                if _NOT_MET in codes[:1]:
                    return self.get(batch.id)
                if _NOT_MET in codes:
                    raise ConflictError("another batch over that content was added") from error
                if code_of(error) == "TransactionConflictException" or _BUSY & set(codes):
                    raise UnavailableError("somebody else writes the same batch") from error
                raise
        return batch

    def get(self, batch_id: str) -> Batch:
        """One batch; `NotFoundError` where there is none."""
        found = self._document(f"batch#{batch_id}", Batch) if _possible(batch_id) else None
        if found is None:
            raise NotFoundError("there is no such batch")
        return found

    def put(self, batch: Batch) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        item = item_of(batch)
        with aws_errors("writing a batch"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="revision = :before",
                    ExpressionAttributeValues={":before": {"N": str(batch.revision - 1)}},
                )
            except ClientError as error:
                if code_of(error) != f"{_NOT_MET}Exception":
                    raise
                key = key_of(f"batch#{batch.id}")
                if got_through(error, self._client, self._table, key, item):
                    return
                raise ConflictError("the batch has changed meanwhile") from error

    def page(self, model: str, state: BatchState | None, *, limit: int, before: str) -> list[Batch]:
        """A model's batches, newest first."""
        index, suffix = ("by_model", "") if state is None else ("by_state", "_state")
        listing = f"batch#{model}" if state is None else f"batch#{model}#{state}"
        condition, names = "#listing = :listing", {"#listing": f"listing{suffix}"}
        values: Item = {":listing": {"S": listing}}
        if before:
            condition += " AND #order < :before"
            names["#order"] = f"order{suffix}"
            values[":before"] = {"S": before}
        with aws_errors("listing batches"):
            answer = self._client.query(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit,
            )
        return [read({"doc": item["summary"]}, Batch) for item in answer["Items"]]

    def of_object(self, model: str, source: Source) -> Batch | None:
        """The newest batch of a model over the same content, but for its own."""
        pointer = self._document(content_key(model, source), Pointer)
        batch = None if pointer is None else self._document(f"batch#{pointer.id}", Batch)
        return None if batch is None or batch.source == source else batch

    def results(self, batch_id: str) -> Iterator[ChunkResult]:
        """The results of its chunks, by name, read page by page."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :chunk)",
            ExpressionAttributeValues={
                ":pk": {"S": f"batch#{batch_id}"},
                ":chunk": {"S": "chunk#"},
            },
            ConsistentRead=True,
        )
        with aws_errors("reading what chunks came to"):
            for page in pages:
                for item in page["Items"]:
                    yield read(item, ChunkResult)

    def forget_results(self, batch_id: str, names: Iterable[str]) -> None:
        """Remove results of chunks that are to be run again."""
        for name in names:
            key = {"pk": {"S": f"batch#{batch_id}"}, "sk": {"S": f"chunk#{name}"}}
            with aws_errors("removing what a chunk came to"):
                self._client.delete_item(TableName=self._table, Key=key)

    def last_look(self, model: str) -> str:
        """The period in which a model's schedule was last looked after; empty for never."""
        found = self._document(f"schedule#{model}", Look)
        return "" if found is None else found.period

    def keep_look(self, model: str, period: str) -> None:
        """A model's schedule was looked after in this period."""
        with aws_errors("keeping when a schedule was looked after"):
            self._client.put_item(
                TableName=self._table,
                Item={**key_of(f"schedule#{model}"), **document_of(Look(period))},
            )

    def _document(self, pk: str, kind: type[D]) -> D | None:
        with aws_errors("reading a batch"):
            answer = self._client.get_item(
                TableName=self._table, Key=key_of(pk), ConsistentRead=True
            )
        item = answer.get("Item")
        return None if item is None else read(item, kind)


def _possible(batch_id: str) -> bool:
    return batch_id.isascii() and 0 < len(batch_id) <= _LONGEST_ID
