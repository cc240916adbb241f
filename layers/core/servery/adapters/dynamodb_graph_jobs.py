"""Jobs of graphs in one DynamoDB table, which is shared with jobs; what is in an item is elsewhere.

Nothing here counts: a job ends by a condition on its revision, and what a part came to is written
on the condition that nothing is there. So of any number of writers one succeeds, whoever dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.dynamodb_graph_job_items import (
    JOB,
    PART,
    SWEEPS,
    Item,
    id_in,
    item_of,
    job_in,
    key_of,
    listed_in,
    listing_of,
    part_in,
    part_item_of,
    sweep_of,
)
from servery.adapters.dynamodb_lost_answers import got_through
from servery.domain.graph_jobs import GraphJob, GraphJobState, ListedGraphJob, PartResult
from servery.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LONGEST_ID = 100
_NOT_MET = "ConditionalCheckFailedException"
_NEW = "attribute_not_exists(pk)"


class DynamoDbGraphJobs:
    """Keeps jobs of graphs and the results of their parts.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, job: GraphJob) -> GraphJob:
        """Keep a new job; where one is kept under its id already, that one is given back."""
        return job if self._add(item_of(job), "keeping a job") else self.get(job.id)

    def get(self, job_id: str) -> GraphJob:
        """One job, whole, as it is now; `NotFoundError` where there is none."""
        item = self._item(job_id, JOB) if _possible(job_id) else None
        if item is None:
            raise NotFoundError("there is no such job")
        return job_in(item)

    def put(self, job: GraphJob) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        item = item_of(job)
        with aws_errors("writing a job"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="revision = :before",
                    ExpressionAttributeValues={":before": {"N": str(job.revision - 1)}},
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                if got_through(error, self._client, self._table, key_of(job.id, JOB), item):
                    return
                raise ConflictError("the job was changed by somebody else") from error

    def add_result(self, result: PartResult, *, expires: float) -> PartResult:
        """Keep what a part came to; where that is known already, the first is given back."""
        item = part_item_of(result, expires=expires)
        if self._add(item, "keeping what a part came to"):
            return result
        return self.result(result.job, result.part) or result

    def result(self, job_id: str, part: str) -> PartResult | None:
        """What a part of a job came to; None where that is not known yet."""
        item = self._item(job_id, f"{PART}{part}") if _possible(job_id) else None
        return None if item is None else part_in(item)

    def results(self, job_id: str) -> list[PartResult]:
        """What the parts of a job came to so far; the list sees every write before it."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :part)",
            ExpressionAttributeValues={":pk": key_of(job_id, JOB)["pk"], ":part": {"S": PART}},
            ConsistentRead=True,
        )
        with aws_errors("reading what parts came to"):
            return [part_in(item) for page in pages for item in page["Items"]]

    def mark_told(self, result: PartResult) -> None:
        """Note that what a part came to is published; twice is as good as once."""
        with aws_errors("writing what a part came to"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=key_of(result.job, f"{PART}{result.part}"),
                    UpdateExpression="SET told = :told",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":told": {"BOOL": True}},
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise  # its time is over: nothing is left to note

    def page(
        self, graph: str, state: GraphJobState | None, *, limit: int, before: str
    ) -> list[ListedGraphJob]:
        """A graph's jobs, newest first; fewer than `limit` only where there are no more."""
        index, suffix = ("by_model", "") if state is None else ("by_state", "_state")
        names = {"#listing": f"listing{suffix}"}
        values: Item = {":listing": {"S": listing_of(graph, state)}}
        condition = "#listing = :listing"
        if before:
            names["#order"] = f"order{suffix}"
            values[":before"] = {"S": before}
            condition += " AND #order < :before"
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            PaginationConfig={"PageSize": limit, "MaxItems": limit},
        )
        with aws_errors("listing jobs"):
            return [listed_in(item) for page in pages for item in page["Items"]]

    def due(self, now: float, *, limit: int) -> list[str]:
        """Ids of jobs that a sweep has to look at by `now`, the longest waiting first."""
        sweeps = [self._due(sweep_of(number), now, limit) for number in range(SWEEPS)]
        waiting = merge(*sweeps, key=lambda item: float(item["due"]["N"]))
        with aws_errors("listing jobs"):
            return [id_in(item) for item in islice(waiting, limit)]

    def _due(self, sweep: str, now: float, size: int) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_due",
            KeyConditionExpression="#sweep = :sweep AND #due <= :now",
            ExpressionAttributeNames={"#sweep": "sweep", "#due": "due"},
            ExpressionAttributeValues={":sweep": {"S": sweep}, ":now": {"N": repr(now)}},
            PaginationConfig={"PageSize": size},
        )
        for page in pages:
            yield from page["Items"]

    def _add(self, item: Item, doing: str) -> bool:
        """Put an item where there is none; whether there was none."""
        with aws_errors(doing):
            try:
                self._client.put_item(TableName=self._table, Item=item, ConditionExpression=_NEW)
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                return False
        return True

    def _item(self, job_id: str, sk: str) -> Item | None:
        with aws_errors("reading a job"):
            answer = self._client.get_item(
                TableName=self._table, Key=key_of(job_id, sk), ConsistentRead=True
            )
        return answer.get("Item")


def _possible(job_id: str) -> bool:
    return job_id.isascii() and 0 < len(job_id) <= _LONGEST_ID
