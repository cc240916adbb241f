"""Jobs in one DynamoDB table, which is shared with batches; what is in an item is elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.dynamodb_job_items import (
    SWEEPS,
    Item,
    attributes_of,
    fixed_attributes_of,
    job_in,
    key_of,
    listed_in,
    sweep_of,
)
from servery.adapters.dynamodb_job_lists import JobLists, runs_of
from servery.adapters.dynamodb_lost_answers import got_through
from servery.domain.jobs import Job, JobState, Listed, seen
from servery.errors import ConflictError, NotFoundError, ThrottledError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_KEYS = 100  # of BatchGetItem
_LONGEST_ID = 100
_NOT_MET = "ConditionalCheckFailedException"


class DynamoDbJobs:
    """Keeps jobs.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._lists = JobLists(client, table)

    def add(self, job: Job) -> Job:
        """Keep a new job; where one is kept under its id already, that one is given back."""
        attributes = {name: value for name, value in attributes_of(job).items() if value}
        attributes |= fixed_attributes_of(job)
        body = {"body": {"S": job.body}} if job.body else {}
        with aws_errors("keeping a job"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={**key_of(job.id), **attributes, **body},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
            else:
                return job
        return self.get(job.id)

    def get(self, job_id: str) -> Job:
        """One job, whole; `NotFoundError` where there is none."""
        item: Item | None = None
        if _possible(job_id):
            with aws_errors("reading a job"):
                answer = self._client.get_item(
                    TableName=self._table, Key=key_of(job_id), ConsistentRead=True
                )
            item = answer.get("Item")
        if item is None:
            raise NotFoundError("there is no such job")
        return job_in(item)

    def get_many(self, job_ids: Collection[str]) -> dict[str, Job]:
        """The jobs that there are, whole, by id."""
        ids = [job_id for job_id in dict.fromkeys(job_ids) if _possible(job_id)]
        jobs: dict[str, Job] = {}
        for first in range(0, len(ids), _MOST_KEYS):
            for item in self._items(ids[first : first + _MOST_KEYS]):
                job = job_in(item)
                jobs[job.id] = job
        return jobs

    def put(self, job: Job) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        attributes = attributes_of(job)
        if job.result or not job.state.final:
            attributes["result"] = {"S": job.result} if job.result else None
        given = {name: value for name, value in attributes.items() if value}
        removed = [f"#{name}" for name in attributes if name not in given]
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in given)
        if removed:
            update += " REMOVE " + ", ".join(removed)
        with aws_errors("writing a job"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=key_of(job.id),
                    UpdateExpression=update,
                    ConditionExpression="#revision = :before",
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues={
                        **{f":{name}": value for name, value in given.items()},
                        ":before": {"N": str(job.revision - 1)},
                    },
                )
            except ClientError as error:
                if code_of(error) != _NOT_MET:
                    raise
                if got_through(error, self._client, self._table, key_of(job.id), given):
                    return
                raise ConflictError("the job was changed by somebody else") from error

    def page(
        self, model: str, state: JobState | None, *, limit: int, before: str, now: float
    ) -> list[Listed]:
        """A model's jobs as they are seen at `now`, newest first, by `order_in_state` in a state.

        Fewer than `limit` come only where there are no more.
        """
        index, runs = runs_of(model, state, before, now)
        with aws_errors("listing jobs"):
            items = self._lists.newest(index, runs, limit)
        return [seen(listed_in(item), now=now) for item in items]

    def due(self, now: float, *, limit: int) -> list[Job]:
        """Jobs that a sweep has to look at by `now`, the longest waiting first."""
        sweeps = [self._due(sweep_of(n), now, limit) for n in range(SWEEPS)]
        waiting = merge(*(map(job_in, sweep) for sweep in sweeps), key=lambda job: job.due or 0.0)
        return list(islice(waiting, limit))

    def _due(self, sweep: str, now: float, size: int) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_due",
            KeyConditionExpression="#sweep = :sweep AND #due <= :now",
            ExpressionAttributeNames={"#sweep": "sweep", "#due": "due"},
            ExpressionAttributeValues={":sweep": {"S": sweep}, ":now": {"N": repr(now)}},
            PaginationConfig={"PageSize": size},
        )
        with aws_errors("listing jobs"):
            for page in pages:
                yield from page["Items"]

    def _items(self, job_ids: list[str]) -> Iterator[Item]:
        keys: Any = [key_of(job_id) for job_id in job_ids]
        while keys:
            with aws_errors("reading jobs"):
                answer: Any = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                )
            yield from answer["Responses"].get(self._table, [])
            left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if len(left) == len(keys):
                raise ThrottledError("reading jobs is throttled")
            keys = left


def _possible(job_id: str) -> bool:
    return job_id.isascii() and 0 < len(job_id) <= _LONGEST_ID
