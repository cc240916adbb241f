"""Pages of jobs out of an index whose lists are spread over shards: merged, the newest first.

The shards are asked at once, each for little more than its part of the page, and those that the
page turns out to need more of are asked again. So a page costs about one round trip, and reads two
or three times what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servery.adapters.dynamodb_job_items import SHARDS, Item, listing_of, listing_state_of
from servery.domain.jobs import JobState, moment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

AT_ONCE = 16
"""Queries under way at the most, whatever a list asks for."""
_LAST = "~"  # behind every id


@dataclass(frozen=True, slots=True)
class Index:
    """An index by name, and the attributes of its key."""

    name: str
    partition: str
    order: str


@dataclass(slots=True)
class Run:
    """Entries of one partition, the newest first, as far as they are read.

    Attributes:
        partition: Which.
        above: Only entries behind this place; empty for all.
        below: Only entries before this place, empty for all; that of the last one read.
        more: Whether there may be any.
    """

    partition: str
    above: str
    below: str
    more: bool = True


BY_MODEL = Index("by_model", "listing", "order")
BY_STATE = Index("by_state", "listing_state", "order_state")


def runs_of(model: str, state: JobState | None, before: str, now: float) -> tuple[Index, list[Run]]:
    """Where a list is: of all jobs of a model, or of those that are in a state by `now`.

    By time alone jobs of every state are expired, all those behind one place of the order.
    """
    if state is None:
        return BY_MODEL, [Run(listing_of(model, n), "", before) for n in range(SHARDS)]
    passed = f"{moment(now)} {_LAST}"
    if state is JobState.EXPIRED:
        expired = min(before, passed) if before else passed
        bounds = {s: ("", before if s is state else expired) for s in JobState}
    else:
        bounds = {state: (passed, before)}
    return BY_STATE, [
        Run(listing_state_of(model, s, n), above, below, more=not below or above < below)
        for s, (above, below) in bounds.items()
        for n in range(SHARDS)
    ]


class JobLists:
    """Merges shards. Its threads only ask; whoever calls it reads what they are answered.

    Args:
        client: Client of DynamoDB.
        table: Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._threads = ThreadPoolExecutor(AT_ONCE, "job-lists")

    def newest(self, index: Index, runs: Iterable[Run], limit: int) -> list[Item]:
        """The first entries of all runs together; fewer than `limit` where there are no more."""
        found: dict[str, Item] = {}
        behind = [run for run in runs if run.more]
        unread = behind
        size = 2 * (limit // SHARDS) + 6
        while behind:
            asked = [(index, run, min(size, limit)) for run in behind]
            answers = self._threads.map(lambda question: self._ask(*question), asked)
            for run, answer in zip(behind, answers, strict=True):
                found |= _take(index, run, answer)
            places = sorted(found, reverse=True)[:limit]
            found = {place: found[place] for place in places}
            edge = places[-1] if len(places) == limit else ""
            behind = [run for run in unread if run.more and run.below > edge]
            size = limit
        return list(found.values())

    def _ask(self, index: Index, run: Run, size: int) -> dict[str, Any]:
        values = {":partition": run.partition}
        conditions = ["#partition = :partition"]
        if run.above and run.below:
            conditions.append("#order BETWEEN :above AND :below")
            size += 1  # the ends belong to it
        elif run.above:
            conditions.append("#order > :above")
        elif run.below:
            conditions.append("#order < :below")
        values |= {f":{end}": place for end in ("above", "below") if (place := getattr(run, end))}
        names = {"#partition": index.partition}
        if len(conditions) > 1:
            names["#order"] = index.order
        return dict(
            self._client.query(
                TableName=self._table,
                IndexName=index.name,
                KeyConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={name: {"S": text} for name, text in values.items()},
                ScanIndexForward=False,
                Limit=size,
            )
        )


def _take(index: Index, run: Run, answer: dict[str, Any]) -> dict[str, Item]:
    """The entries of an answer by their place; the run goes on behind them."""
    found = {item[index.order]["S"]: item for item in answer["Items"]}
    found.pop(run.below, None)
    run.more = bool(found) and "LastEvaluatedKey" in answer
    run.below = min(found, default=run.below)
    return found
