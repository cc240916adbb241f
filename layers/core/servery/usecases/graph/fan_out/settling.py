"""Ends a job: when all its parts are in, or its time is up. Of several that try, one does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from servery.domain.graph_jobs import (
    GraphJob,
    PartResult,
    PartState,
    ended,
    mark_told,
    parts_of,
    time_is_up,
)
from servery.errors import ConflictError, UnavailableError
from servery.usecases.graph.fan_out.documents import keep
from servery.usecases.graph.fan_out.ending import Refuse, ending_of

if TYPE_CHECKING:
    from servery.domain.named_aggregators import NamedAggregator
    from servery.ports import Clock, Documents, GraphEvents, GraphJobStore

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSettlePorts:
    """What ending a job works with.

    Attributes:
        store: Where jobs are kept.
        documents: Where large texts are kept.
        events: The event bus.
        clock: The time.
        refuse: Makes the problem document of an error.
        named: The aggregators of the deploy's allow-list.
    """

    store: GraphJobStore
    documents: Documents
    events: GraphEvents
    clock: Clock
    refuse: Refuse
    named: Mapping[str, NamedAggregator]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a job.

    Attributes:
        job: As it is now.
        won: Whether it was ended here; of all that try, one alone wins.
        answer: What it was ended with: the answer, or the problem document.
        untold: Why nobody was told of its end yet, where that is so; a sweep does it.
    """

    job: GraphJob
    won: bool = False
    answer: str = ""
    untold: Exception | None = None


def settle(job_id: str, ports: GraphSettlePorts) -> Settled:
    """End a job if it can be ended; nothing happens where it has ended, or has to wait.

    Raises:
        NotFoundError: there is no such job.
        RetryableError: the store does not answer, or others write the same job all the time.
    """
    for _ in range(_ATTEMPTS):
        job = ports.store.get(job_id)
        if job.state.final:
            return Settled(job)
        results = ports.store.results(job_id)
        there = {result.part for result in results}
        waits = any(part not in there for part in parts_of(job.spec))
        if waits and not time_is_up(job, ports.clock.now().timestamp()):
            return Settled(job)
        over, answer = _over(job, results, ports)
        try:
            ports.store.put(over)
        except ConflictError:  # somebody has ended it, or noted that it was sent
            continue
        return _tell(over, answer, ports)
    raise UnavailableError("others write the same job all the time")


def tell(job: GraphJob, ports: GraphSettlePorts) -> GraphJob:
    """Publish the end of a job, then note it: an event may come twice, none is missing.

    Raises:
        ConflictError: it has not ended, or was told before.
        RetryableError: the bus takes nothing, or the store does not answer.
    """
    mark_told(job)
    ports.events.finished(job)
    for _ in range(_ATTEMPTS):
        told = mark_told(job)
        try:
            ports.store.put(told)
        except ConflictError:
            job = ports.store.get(job.id)
            if job.told:
                return job
        else:
            return told
    raise UnavailableError("others write the same job all the time")


def _tell(job: GraphJob, answer: str, ports: GraphSettlePorts) -> Settled:
    try:
        return Settled(tell(job, ports), won=True, answer=answer)
    except Exception as error:
        return Settled(job, won=True, answer=answer, untold=error)


def _over(
    job: GraphJob, results: Sequence[PartResult], ports: GraphSettlePorts
) -> tuple[GraphJob, str]:
    """The job, ended, and its answer or problem document."""
    order = {part: place for place, part in enumerate(parts_of(job.spec))}
    known = sorted((r for r in results if r.part in order), key=lambda r: order[r.part])
    done = {result.part for result in known if result.state is PartState.DONE}
    missing = [part for part in order if part not in done]
    ending = ending_of(
        job, known, missing, documents=ports.documents, named=ports.named, refuse=ports.refuse
    )
    result, result_key = keep(job.id, "result", ending.text.encode(), ports.documents)
    now = ports.clock.now()
    over = ended(
        job,
        state=ending.state,
        finished=now.astimezone(UTC).isoformat(timespec="microseconds"),
        now=now.timestamp(),
        partial=ending.partial,
        missing=missing,
        arrived=[result.part for result in known],
        result=result,
        result_key=result_key,
        reason=ending.reason,
    )
    return over, ending.text
