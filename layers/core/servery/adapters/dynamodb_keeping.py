"""Evaluations, retirements and retrainings in the registry's table.

| pk | sk | document |
| --- | --- | --- |
| MODEL#name | EVALUATION#version | Evaluation, the newest |
| MODEL#name | RETIRED#version | RetiredVersion, the last one |
| MODEL#name | RETRAINED#alarm | Retrained; alarms sort by time |
| MODEL#name | RETRAINING | the alarm that started the last training, and when |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.dynamodb_table import DynamoDbTable
from servery.domain.evaluations import Evaluation
from servery.domain.retirements import RetiredVersion
from servery.domain.retrainings import Retrained
from servery.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NOT_MET = "ConditionalCheckFailedException"
_CLAIM = "RETRAINING"


class DynamoDbKeeping:
    """What is kept of versions beside their records; conditional writes only.

    Args:
        client: Client of DynamoDB.
        table: Name of the registry's table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._name = table
        self._table = DynamoDbTable(client, table)

    def evaluations(self, model: str) -> list[Evaluation]:
        """Of all versions of a model that were ever evaluated."""
        return self._table.query(_of(model), "EVALUATION#", Evaluation)

    def evaluation(self, model: str, version: str) -> Evaluation | None:
        """Of one version; None where it never was evaluated."""
        return self._table.get((_of(model), f"EVALUATION#{version}"), Evaluation)

    def put_evaluation(self, evaluation: Evaluation) -> None:
        """Keep one in place of an older one; where a newer one is there nothing changes."""
        at = {"S": evaluation.at}
        try:
            self._table.put(
                (_of(evaluation.model), f"EVALUATION#{evaluation.version}"),
                evaluation,
                taken="a newer evaluation is there",
                condition="attribute_not_exists(pk) OR evaluated <= :at",
                attributes={"evaluated": at},
                values={":at": at},
            )
        except ConflictError:
            return

    def retirements(self, model: str) -> list[RetiredVersion]:
        """All of a model, those that are over included."""
        return self._table.query(_of(model), "RETIRED#", RetiredVersion)

    def retirement(self, model: str, version: str) -> RetiredVersion | None:
        """The last one of a version; None where there is none."""
        return self._table.get((_of(model), f"RETIRED#{version}"), RetiredVersion)

    def put_retirement(self, record: RetiredVersion) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        first = record.revision == 1
        self._table.put(
            (_of(record.model), f"RETIRED#{record.version}"),
            record,
            taken=f"the retirement of {record.version} has gone on meanwhile",
            condition="attribute_not_exists(pk)" if first else "revision = :before",
            attributes={"revision": {"N": str(record.revision)}},
            values=None if first else {":before": {"N": str(record.revision - 1)}},
        )

    def retrainings(self, model: str, limit: int = 20) -> list[Retrained]:
        """The last decisions of a model, newest first."""
        return self._table.query(_of(model), "RETRAINED#", Retrained, newest=limit)

    def put_retraining(self, record: Retrained) -> None:
        """Keep a decision; the one there is about the same alarm is replaced."""
        self._table.put(
            (_of(record.model), f"RETRAINED#{record.alarm}"),
            record,
            taken="",
            condition="attribute_not_exists(pk) OR attribute_exists(pk)",
        )

    def claim_retraining(self, model: str, alarm: str, *, now: float, hours: float) -> None:
        """Be the one that starts a training now; for the same alarm again it is ours still.

        Raises:
            ConflictError: another alarm started one in the last `hours`.
        """
        with aws_errors("claiming a retraining"):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item={
                        "pk": {"S": _of(model)},
                        "sk": {"S": _CLAIM},
                        "alarm": {"S": alarm},
                        "claimed": {"N": repr(now)},
                    },
                    ConditionExpression="attribute_not_exists(pk) OR claimed <= :old",
                    ExpressionAttributeValues={":old": {"N": repr(now - hours * 3600)}},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                held = dict(error.response).get("Item", {})
                if isinstance(held, dict) and held.get("alarm") == {"S": alarm}:
                    return
                raise ConflictError(
                    f"an alarm has started a training of {model} in the last {hours:g} h"
                ) from error

    def return_retraining(self, model: str, alarm: str) -> None:
        """Give a claim back that came to nothing; nothing happens where it is not ours."""
        with aws_errors("returning a retraining"):
            try:
                self._client.delete_item(
                    TableName=self._name,
                    Key={"pk": {"S": _of(model)}, "sk": {"S": _CLAIM}},
                    ConditionExpression="alarm = :alarm",
                    ExpressionAttributeValues={":alarm": {"S": alarm}},
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise


def _of(model: str) -> str:
    return f"MODEL#{model}"
