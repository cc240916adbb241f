"""A graph asked asynchronously: the job, and what each of its parts came to.

Every part has a queue of its own and an item of its own, which is written once: a delivery that
comes again finds it there and changes nothing. The job ends by one conditional write, when all
parts are in or its time is up. What comes in after that is kept, and marked as late.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import MOST_MEMBERS, GraphSpec, Group
from servery.errors import ConflictError, Violation

MAX_PART_TRIES = 4
"""How often a part is tried before it has failed."""
PART_PAUSE_BASE = 4.0
"""Seconds to the power of the tries so far between two of them."""
GRACE_SECONDS = 30.0
"""How long after it was accepted a job may be unsent before a sweep sends it."""
UNSENT_SECONDS = 3600.0
"""How long it is tried to publish the parts of a job after its time would have been up."""
TELL_SECONDS = 60.0
"""How long after its end a job may be untold before a sweep tells it."""
SLOTS = MOST_MEMBERS
"""How many queues of parts there are; the part at place n of a job travels through queue n."""
WHOLE = "graph"
"""Name of the only part of a graph that is not one group: the graph, asked as it is."""


class GraphJobState(StrEnum):
    """Where a graph's job is."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self is not GraphJobState.OPEN


class PartState(StrEnum):
    """What became of a part; one without an item is still waited for."""

    DONE = "done"
    FAILED = "failed"


class ListedGraphJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a job; too little to write it back.

    Attributes:
        id: Unique; the same for the same idempotency key of the same graph.
        graph: Name of the graph.
        graph_revision: The revision by which it was accepted, and by which it is carried out.
        state: Where it is.
        created: ISO 8601, UTC.
        finished: When it ended, ISO 8601.
        expires: When it may be forgotten, seconds since the epoch.
        settle_at: When it ends with what is in, seconds since the epoch; later, where its parts
            could not be published at once.
        partial: Whether it ended without all parts.
        missing: The parts without which it ended: those that had failed, or were not in.
        reason: Why it failed, a sentence.
        origin: `JOB/MEMBER` whose answer set it going; empty for a caller's own.
    """

    id: str
    graph: str
    graph_revision: int
    state: GraphJobState = GraphJobState.OPEN
    created: str
    finished: str = ""
    expires: float
    settle_at: float
    partial: bool = False
    missing: list[str] = []
    reason: str = ""
    origin: str = ""


class GraphJob(ListedGraphJob, frozen=True, kw_only=True):
    """One asynchronous request to a graph.

    Attributes:
        record: The graph as it was then, so that a change of it changes no job on its way.
        revision: Raised by one with every change; a stale writer loses.
        due: When a sweep has to look at it, seconds since the epoch; None for never.
        request_id: As everywhere.
        digest: SHA-256 (hex) of the request's body.
        body: The request's body, or
        body_key: where it is in the exchange bucket, when it is large.
        sent: Whether its parts were published.
        told: Whether its end was published.
        arrived: The parts that were in when it ended, whatever had become of them.
        result: The answer as JSON (done), or the problem document (failed), or
        result_key: where it is in the exchange bucket, when it is large.
        depth: How many jobs, each set going by the one before, came before it.
    """

    record: GraphRecord
    revision: int = 1
    due: float | None = None
    request_id: str = ""
    digest: str
    body: str = ""
    body_key: str = ""
    sent: bool = False
    told: bool = False
    arrived: list[str] = []
    result: str = ""
    result_key: str = ""
    depth: int = 0

    @property
    def spec(self) -> GraphSpec:
        """The graph as it was declared then."""
        return self.record.spec


class PartResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of a job came to.

    Attributes:
        job: Id of the job.
        part: Name of the member, or `WHOLE`.
        state: What became of it.
        model: Name of the model; that of the graph for `WHOLE`.
        model_version: The version that answered.
        arrived: ISO 8601, UTC.
        tries: How often it was tried.
        ms: Milliseconds of the last try.
        rows: The answer for each row as JSON (done), null for a row that it does not concern, or
        rows_key: where it is in the exchange bucket, when it is large.
        partial: Whether a row has no answer that should have one (`WHOLE` only).
        degraded: Whether a default or another version stood in.
        reason: Why it failed, a sentence without values of the caller.
        error: Class of the error (failed).
        hop: Who of the graph failed, where the error names one.
        violations: What the caller has to mend.
        writer: Who wrote it; different for each try.
        told: Whether it was published.
    """

    job: str
    part: str
    state: PartState
    model: str = ""
    model_version: str = ""
    arrived: str = ""
    tries: int = 1
    ms: float = 0.0
    rows: str = ""
    rows_key: str = ""
    partial: bool = False
    degraded: bool = False
    reason: str = ""
    error: str = ""
    hop: str = ""
    violations: list[Violation] = []
    writer: str = ""
    told: bool = False


class PartMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What travels through the topic and a part's queue; the record says all else."""

    job: str
    part: str
    slot: int


def fan_group(spec: GraphSpec) -> Group | None:
    """The group whose members are the parts of a job: that of a graph which is one group."""
    return spec.steps[0].group if len(spec.steps) == 1 else None


def parts_of(spec: GraphSpec) -> list[str]:
    """Names of the parts of a job of a graph, in the order of their slots."""
    group = fan_group(spec)
    return [WHOLE] if group is None else [member.name for member in group.members]


def ended(
    job: GraphJob,
    *,
    state: GraphJobState,
    finished: str,
    now: float,
    **outcome: Any,  # noqa: ANN401 - fields of the record
) -> GraphJob:
    """The job, over; a sweep sees to it that its end is told.

    Raises:
        ConflictError: it has ended before.
    """
    if job.state.final:
        raise ConflictError(f"job {job.id} has ended")
    return msgspec.structs.replace(
        job,
        state=state,
        revision=job.revision + 1,
        finished=finished,
        due=now + TELL_SECONDS,
        **outcome,
    )


def listed(job: GraphJob) -> ListedGraphJob:
    """What a list shows of a job."""
    return ListedGraphJob(**{n: getattr(job, n) for n in ListedGraphJob.__struct_fields__})


def order_of(job: ListedGraphJob) -> str:
    """Where a job is in lists: they are in the reverse order of this text."""
    return f"{job.created} {job.id}"


def is_late(job: GraphJob, part: str) -> bool:
    """Whether a part that is in came after the job had ended."""
    return job.state.final and part not in job.arrived


def time_is_up(job: GraphJob, now: float) -> bool:
    """Whether a job ends with what is in: its time begins when its parts are published."""
    return now >= job.settle_at + (0.0 if job.sent else UNSENT_SECONDS)


def mark_sent(job: GraphJob, *, settle_at: float | None = None) -> GraphJob:
    """Its parts are published; a sweep looks again when its time is up.

    Args:
        job: The job.
        settle_at: When that is, where they were published later than they should have been.

    Raises:
        ConflictError: it has ended.
    """
    if job.state.final:
        raise ConflictError(f"job {job.id} has ended")
    moment = job.settle_at if settle_at is None else settle_at
    return msgspec.structs.replace(
        job, revision=job.revision + 1, sent=True, settle_at=moment, due=moment
    )


def mark_told(job: GraphJob) -> GraphJob:
    """Its end is published; nobody has to look at it any more.

    Raises:
        ConflictError: it has not ended, or was told before.
    """
    if not job.state.final or job.told:
        raise ConflictError(f"there is nothing to tell of job {job.id}")
    return msgspec.structs.replace(job, revision=job.revision + 1, told=True, due=None)


def put_off(job: GraphJob, until: float) -> GraphJob:
    """What a sweep wanted to do cannot be done now; it looks again at `until`."""
    return msgspec.structs.replace(job, revision=job.revision + 1, due=until)
