"""What is told of jobs of graphs: typed answers, made out of records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from servery.domain.graph_jobs import (
    GraphJob,
    GraphJobState,
    ListedGraphJob,
    PartResult,
    fan_group,
    is_late,
    parts_of,
)


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one part of a job: a member of its group, or the graph as a whole.

    Attributes:
        name: Of the member; `graph` for a graph that is more than one group.
        state: `waiting` until it is in.
        late: Whether it came after the job had ended.
        model: Name of the model; that of the graph for the graph as a whole.
        model_version: The version that answered.
        arrived: When it came, ISO 8601, UTC; empty before.
        tries: How often it was tried.
        ms: Milliseconds of the last try.
        reason: Why it failed, a sentence.
        predictions: Its answer for each row, where that was asked for and there is one.
    """

    name: str
    state: Literal["waiting", "done", "failed"]
    late: bool = False
    model: str
    model_version: str = ""
    arrived: str = ""
    tries: int = 0
    ms: float = 0.0
    reason: str = ""
    predictions: msgspec.Raw | None = None


class GraphJobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job of a graph.

    Attributes:
        id: Unique.
        graph: Name of the graph.
        graph_revision: The revision by which it is carried out.
        state: Where it is.
        created: When it was accepted, ISO 8601, UTC.
        finished: When it ended, ISO 8601; empty before.
        settles: When it ends with what is in, ISO 8601.
        expires: When its result is gone, ISO 8601.
        partial: Whether it ended without all parts, or a row has no answer.
        missing: The parts without which it ended.
        reason: Why it failed, a sentence.
        origin: `JOB/MEMBER` whose answer set it going; empty for a caller's own.
        parts: What became of each part, in declared order; empty in lists.
        result: `predictions`, as a direct request would have had them; null until it is done.
        error: The problem document of a job that has failed, else null.
    """

    id: str
    graph: str
    graph_revision: int
    state: GraphJobState
    created: str
    finished: str = ""
    settles: str
    expires: str
    partial: bool = False
    missing: list[str] = []
    reason: str = ""
    origin: str = ""
    parts: list[PartView] = []
    result: msgspec.Raw | None = None
    error: msgspec.Raw | None = None


class GraphJobList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first; `next` is what to ask for after it."""

    jobs: list[GraphJobView]
    next: str = ""


def listed_view(job: ListedGraphJob) -> GraphJobView:
    """A job as lists tell it, without its parts and its result."""
    return GraphJobView(
        id=job.id,
        graph=job.graph,
        graph_revision=job.graph_revision,
        state=job.state,
        created=job.created,
        finished=job.finished,
        settles=_iso(job.settle_at),
        expires=_iso(job.expires),
        partial=job.partial,
        missing=job.missing,
        reason=job.reason,
        origin=job.origin,
    )


def job_view(
    job: GraphJob,
    results: Mapping[str, PartResult],
    result: bytes,
    answers: Mapping[str, bytes],
) -> GraphJobView:
    """A job as it is told.

    Args:
        job: The job.
        results: What its parts came to, by name.
        result: Its answer or problem document, JSON; empty before there is one.
        answers: By part, its answer for each row as JSON; of those that are to be shown.
    """
    raw = msgspec.Raw(result) if result else None
    return msgspec.structs.replace(
        listed_view(job),
        parts=[
            _part(job, part, results.get(part), answers.get(part, b""))
            for part in parts_of(job.spec)
        ],
        result=raw if job.state is GraphJobState.DONE else None,
        error=raw if job.state is GraphJobState.FAILED else None,
    )


def _part(job: GraphJob, part: str, result: PartResult | None, rows: bytes) -> PartView:
    if result is None:
        group = fan_group(job.spec)
        models = {} if group is None else {m.name: m.model for m in group.members}
        return PartView(name=part, state="waiting", model=models.get(part, job.graph))
    return PartView(
        name=part,
        state=result.state.value,
        late=is_late(job, part),
        model=result.model,
        model_version=result.model_version,
        arrived=result.arrived,
        tries=result.tries,
        ms=result.ms,
        reason=result.reason,
        predictions=msgspec.Raw(rows) if rows else None,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
