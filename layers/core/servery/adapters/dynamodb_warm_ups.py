"""Warm-ups in the cache's table, beside the rows that they put there.

| pk | doc | id | state | until | expires_at |
| --- | --- | --- | --- | --- | --- |
| model#warm#id | the record as JSON | | | | TTL |
| model#warm | the newest one | its id | its state | when it has broken off | TTL |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.domain.warm_ups import WarmUp
from servery.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS = 30 * 86_400
_LONGEST_ID = 100
_NOT_MET = "ConditionalCheckFailedException"
_FREE = "attribute_not_exists(pk) OR #s <> :running OR #u <= :now"


class DynamoDbWarmUps:
    """Keeps warm-ups for a month.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, warm_up: WarmUp, *, now: float) -> None:
        """Keep a new one.

        Raises:
            ConflictError: another one of the same model runs.
        """
        values = {":running": {"S": "running"}, ":now": {"N": repr(now)}}
        names = {"#s": "state", "#u": "until"}  # reserved words
        self._put(
            _pointer(warm_up),
            f"a warm-up of {warm_up.model} is running; servery cache show {warm_up.model}",
            ConditionExpression=_FREE,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        self._put(_item(warm_up), "")

    def put(self, warm_up: WarmUp) -> None:
        """Keep how far one is; as the newest one of its model only while it is that."""
        self._put(_item(warm_up), "")
        try:
            self._put(
                _pointer(warm_up),
                "another one is newer",
                ConditionExpression="id = :id",
                ExpressionAttributeValues={":id": {"S": warm_up.id}},
            )
        except ConflictError:
            return

    def get(self, model: str, warm_up_id: str) -> WarmUp:
        """One warm-up; `NotFoundError` where there is none."""
        possible = warm_up_id and len(warm_up_id) <= _LONGEST_ID
        found = self._read(f"{model}#warm#{warm_up_id}") if possible else None
        if found is None:
            raise NotFoundError("there is no such warm-up")
        return found

    def last(self, model: str) -> WarmUp | None:
        """The newest one of a model; None where there is none."""
        return self._read(f"{model}#warm")

    def _read(self, place: str) -> WarmUp | None:
        with aws_errors("reading a warm-up"):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": place}}, ConsistentRead=True
            )
        item = answer.get("Item")
        return None if item is None else msgspec.json.decode(item["doc"]["S"], type=WarmUp)

    def _put(self, item: dict[str, Any], conflict: str, **condition: Any) -> None:  # noqa: ANN401
        with aws_errors("keeping a warm-up"):
            try:
                self._client.put_item(TableName=self._table, Item=item, **condition)
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                raise ConflictError(conflict) from error


def _item(warm_up: WarmUp) -> dict[str, Any]:
    return {
        "pk": {"S": f"{warm_up.model}#warm#{warm_up.id}"},
        "doc": {"S": msgspec.json.encode(warm_up).decode()},
        "expires_at": {"N": str(int(warm_up.until) + KEPT_SECONDS)},
    }


def _pointer(warm_up: WarmUp) -> dict[str, Any]:
    return {
        **_item(warm_up),
        "pk": {"S": f"{warm_up.model}#warm"},
        "id": {"S": warm_up.id},
        "state": {"S": warm_up.state},
        "until": {"N": repr(warm_up.until)},
    }
