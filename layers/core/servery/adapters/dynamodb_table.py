"""A table of JSON documents under two string keys: the reads and conditional writes of DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, cancellation_codes, code_of
from servery.adapters.dynamodb_lost_answers import is_written, was_sent_again
from servery.errors import ConflictError, TooLargeError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

R = TypeVar("R")
Key = tuple[str, str]

MAX_DOCUMENT = 380_000
"""Bytes of one document; DynamoDB takes items of 400 KB, keys and names included."""
_LONGEST_KEY = (2048, 1024)
_NOT_MET = "ConditionalCheckFailed"
_BUSY = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"})


class DynamoDbTable:
    """Documents under (pk, sk); every read sees every write that came before it.

    Args:
        client: Client of DynamoDB.
        name: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Key, kind: type[R]) -> R | None:
        """One document; None where there is none, or where no item can have such a key."""
        if not _fits(key):
            return None
        with aws_errors("reading the registry"):
            answer = self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else msgspec.json.decode(item["doc"]["S"], type=kind)

    def query(
        self, pk: str, prefix: str, kind: type[R], *, newest: int = 0, before: str = ""
    ) -> list[R]:
        """All documents of a partition whose sort key starts with `prefix`, in its order.

        Args:
            pk: The partition.
            prefix: Start of the sort key; may be empty.
            kind: Type of the documents.
            newest: When given, only so many from the end, last one first.
            before: With `newest`: only sort keys below this one.
        """
        found: list[R] = []
        for item in self._items(pk, prefix, newest, before):
            found.append(msgspec.json.decode(item["doc"]["S"], type=kind))
            if len(found) == newest:
                break
        return found

    def _items(self, pk: str, prefix: str, newest: int, before: str) -> Iterator[dict[str, Any]]:
        if not _fits((pk, before or "-")):
            return
        names = {"#pk": "pk"}
        values = {":pk": {"S": pk}}
        condition = "#pk = :pk"
        if before:
            condition += " AND sk BETWEEN :low AND :high"
            # The end of BETWEEN belongs to it, so one more is read and the end left out.
            values |= {":low": {"S": prefix}, ":high": {"S": before}}
        elif prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=not newest,
            PaginationConfig={"PageSize": newest + 1} if newest else {},
        )
        with aws_errors("reading the registry"):
            for page in pages:
                yield from (i for i in page["Items"] if i["sk"]["S"] != before)

    def put(
        self,
        key: Key,
        document: object,
        *,
        taken: str,
        condition: str = "attribute_not_exists(pk)",
        attributes: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
    ) -> None:
        """Write a document under a condition.

        Args:
            key: Where.
            document: What; becomes JSON.
            taken: The sentence of the error when the condition is not met.
            condition: A condition expression; by default the key must be new.
            attributes: More attributes of the item, which conditions can ask for.
            values: Values that the condition names.

        Raises:
            ConflictError: the condition is not met.
            TooLargeError: the document is larger than an item may be.
        """
        self.put_together([self.write(key, document, condition, attributes, values)], taken=taken)

    def write(
        self,
        key: Key,
        document: object,
        condition: str = "attribute_not_exists(pk)",
        attributes: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A conditional write as a part of `put_together`; arguments as for `put`."""
        content = msgspec.json.encode(document).decode()
        if len(content.encode()) > MAX_DOCUMENT:
            raise TooLargeError(f"a record of more than {MAX_DOCUMENT // 1000} kB cannot be kept")
        put: dict[str, Any] = {
            "TableName": self._name,
            "Item": {**_key(key), "doc": {"S": content}, **(attributes or {})},
            "ConditionExpression": condition,
        }
        if values:
            put["ExpressionAttributeValues"] = values
        return {"Put": put}

    def put_together(self, parts: list[dict[str, Any]], *, taken: str) -> None:
        """Do all parts or none of them.

        Raises:
            ConflictError: a condition is not met.
            UnavailableError: somebody else writes the same items at this moment.
        """
        with aws_errors("writing the registry"):
            try:
                if len(parts) == 1 and "Put" in parts[0]:
                    self._client.put_item(**parts[0]["Put"])
                else:
                    self._client.transact_write_items(TransactItems=parts)  # type: ignore[arg-type]
            except ClientError as error:
                codes = cancellation_codes(error)
                if code_of(error) == f"{_NOT_MET}Exception" or _NOT_MET in codes:
                    if was_sent_again(error) and self._are_written(parts):
                        return
                    raise ConflictError(taken) from error
                if code_of(error) == "TransactionConflictException" or _BUSY & set(codes):
                    raise UnavailableError("the registry is busy with the same record") from error
                raise

    def _are_written(self, parts: list[dict[str, Any]]) -> bool:
        """Whether the table is as these parts would make it."""
        for part in parts:
            if "Put" in part:
                item = part["Put"]["Item"]
                key = {name: item[name] for name in ("pk", "sk")}
                if not is_written(self._client, part["Put"]["TableName"], key, item):
                    return False
            elif "Delete" not in part or is_written(
                self._client, part["Delete"]["TableName"], part["Delete"]["Key"], {}
            ):
                return False
        return True


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _fits(key: Key) -> bool:
    """Whether an item can have such a key: not empty, not too long, and text that is text."""
    try:
        sizes = [len(part.encode()) for part in key]
    except UnicodeEncodeError:
        return False
    return all(0 < size <= most for size, most in zip(sizes, _LONGEST_KEY, strict=True))
