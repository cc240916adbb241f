"""What the answer of a member sets going: the next graph is asked about the rows concerned.

The id of the next job is made of what sets it going, so an event that comes again finds the job
there, and it is the one job that it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.entities import EntityColumn, complaint
from servery.domain.graph_jobs import GraphJob, PartResult, PartState, fan_group
from servery.domain.graphs import Follow
from servery.domain.job_ids import job_id_of
from servery.errors import InvalidInputError, NotFoundError, Violation
from servery.usecases.graph.fan_out.documents import records_of, rows_of
from servery.usecases.graph.fan_out.submitting import (
    GraphSubmission,
    GraphSubmitPorts,
    GraphSubmitted,
    submit,
)
from servery.usecases.graph.values import Row, find, holds

if TYPE_CHECKING:
    from servery.ports import Graphs

MOST_DEPTH = 8
"""Jobs that may follow each other, so that no circle runs on."""


class MemberEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of the event that a member has answered; the items say all else."""

    job: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFollowPorts:
    """What following works with.

    Attributes:
        submitting: What taking a job works with.
        graphs: The graphs at hand.
    """

    submitting: GraphSubmitPorts
    graphs: Graphs


@dataclass(frozen=True, slots=True)
class Followed:
    """What an event came to: a job, or the sentence why there is none."""

    submitted: GraphSubmitted | None = None
    reason: str = ""


def follow(event: MemberEvent, ports: GraphFollowPorts) -> Followed:
    """Set going what the answer of a member asks for, if it asks for anything.

    A job that is not here is nobody's fault: another stack may share the bus.

    Raises:
        NotFoundError: there is no graph of the name that comes next.
        InvalidInputError: the next graph takes columns that the request has not, or others.
        RetryableError: something is not there at the moment; nothing is accepted.
    """
    store, documents = ports.submitting.store, ports.submitting.documents
    try:
        job = store.get(event.job)
    except NotFoundError:
        return Followed(reason="there is no such job")
    then = _then(job, event.member)
    if then is None:
        return Followed(reason="nothing follows it")
    result = store.result(job.id, event.member)
    if result is None or result.state is not PartState.DONE:
        return Followed(reason="the member has not answered")
    if job.depth >= MOST_DEPTH:
        return Followed(reason=f"{MOST_DEPTH} jobs have followed each other already")
    rows = _concerned(then, result, ports)
    if not rows:
        return Followed(reason="it concerns no row")
    records = records_of(job, documents)
    record = ports.graphs.get(then.graph)
    units = {column.name: column.unit for column in job.record.request}
    wanted = [_fitting(records[row], row, record.request, units) for row in rows]
    submission = GraphSubmission(
        record=record,
        body=msgspec.json.encode({"records": wanted}),
        request_id=job.request_id,
        id=job_id_of(job.id, event.member, then.graph),
        origin=f"{job.id}/{event.member}",
        depth=job.depth + 1,
    )
    return Followed(submit(submission, ports.submitting))


def _then(job: GraphJob, part: str) -> Follow | None:
    group = fan_group(job.spec)
    members = [] if group is None else [m for m in group.members if m.name == part]
    return members[0].then if members else None


def _concerned(then: Follow, result: PartResult, ports: GraphFollowPorts) -> list[int]:
    """The rows for which what the member answered sets something going."""
    when = then.when
    return [
        row
        for row, answer in enumerate(rows_of(result, ports.submitting.documents))
        if answer is not None and (when is None or holds(when, find(answer, when.of)))
    ]


def _fitting(record: Row, row: int, columns: list[EntityColumn], units: Mapping[str, str]) -> Row:
    """The columns that the next graph takes, as a request of its own would have to have them.

    It may have been registered anew since the two were checked, so the units are looked at too.
    """
    found = [
        Violation(f"records[{row}].{column.name}", wrong)
        for column in columns
        if (wrong := _wrong(record, column, units))
    ]
    if found:
        first = found[0]
        message = f"the next graph cannot be asked: {first.field}: {first.message}"
        raise InvalidInputError(message, tuple(found))
    return {column.name: record.get(column.name) for column in columns}


def _wrong(record: Row, column: EntityColumn, units: Mapping[str, str]) -> str | None:
    if column.name not in record and not column.nullable:
        return "is missing"
    unit = units.get(column.name, column.unit)
    if unit != column.unit:
        return f"is in {unit}; the next graph takes it in {column.unit}"
    return complaint(column, record.get(column.name))
