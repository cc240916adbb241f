"""Leases in DynamoDB: a name that one owner holds for a time."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports import Clock

_NOT_MET = "ConditionalCheckFailedException"


class DynamoDbLeases:
    """One item a lease; DynamoDB's TTL removes what nobody gave back.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
        clock: What the leases go by; whoever shares them must have the same time within seconds.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def take(self, name: str, owner: str, *, seconds: float) -> None:
        """Take or renew a lease that is free, expired or ours.

        Raises:
            ConflictError: somebody else holds it; the sentence says who and for how long.
        """
        now = self._clock.now().timestamp()
        until = now + seconds
        with aws_errors("taking a lease"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        "pk": {"S": f"LEASE#{name}"},
                        "sk": {"S": "LEASE"},
                        "holder": {"S": owner},
                        "until": {"N": repr(until)},
                        "expires_at": {"N": str(ceil(until))},
                    },
                    ConditionExpression="attribute_not_exists(pk) OR #u <= :now OR holder = :me",
                    ExpressionAttributeNames={"#u": "until"},  # a reserved word
                    ExpressionAttributeValues={":now": {"N": repr(now)}, ":me": {"S": owner}},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                held = dict(error.response).get("Item", {})
                raise ConflictError(_held(name, held, now)) from error

    def end(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens where it is not ours."""
        with aws_errors("giving a lease back"):
            try:
                self._client.delete_item(
                    TableName=self._table,
                    Key={"pk": {"S": f"LEASE#{name}"}, "sk": {"S": "LEASE"}},
                    ConditionExpression="holder = :me",
                    ExpressionAttributeValues={":me": {"S": owner}},
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise


def _held(name: str, item: object, now: float) -> str:
    if not isinstance(item, dict) or "holder" not in item:
        return f"{name} is held by somebody else"
    left = float(item["until"]["N"]) - now
    return f"{name} is held by {item['holder']['S']} for another {left:.0f} s"
