"""Ends a job: when all its parts are in, or its time is up. Of several that try, one does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.graph_jobs import (
    WHOLE,
    GraphJob,
    GraphJobState,
    PartResult,
    PartState,
    ended,
    fan_group,
    mark_told,
    parts_of,
    time_is_up,
)
from servery.domain.graphs import Aggregator, Group, OnFailure
from servery.errors import (
    ConflictError,
    DeadlineExceededError,
    RejectedError,
    ServeryError,
    TooLargeError,
    UnavailableError,
)
from servery.usecases.graph.fan_out.documents import Rows, keep, records_of, rows_of
from servery.usecases.graph.fan_out.failures import error_of
from servery.usecases.graph.outcomes import together
from servery.usecases.graph.values import Known, Row

if TYPE_CHECKING:
    from servery.domain.named_aggregators import NamedAggregator
    from servery.ports import Clock, Documents, GraphEvents, GraphJobStore

Refuse = Callable[[Exception, str], tuple[int, str]]
"""The status and the problem document for an error and the id of a request."""
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 64 * 1024  # what the answer of a function may have
_ATTEMPTS = 5


class GraphJobAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job answers: for each row that of a direct request to the graph.

    Attributes:
        predictions: For each row its answer, null where it has none.
        partial: Whether a row lacks its answer.
        degraded: Whether a default or a stand-in version answered somewhere.
    """

    predictions: Rows
    partial: bool = False
    degraded: bool = False


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
    reason, state = "", GraphJobState.DONE
    try:
        text, partial = _answer(job, known, ports)
        partial = partial or bool(missing)
    except ServeryError as error:
        text, partial = ports.refuse(error, job.request_id or job.id)[1], False
        state, reason = GraphJobState.FAILED, _reason(error, missing)
    result, result_key = keep(job.id, "result", text.encode(), ports.documents)
    now = ports.clock.now()
    over = ended(
        job,
        state=state,
        finished=now.astimezone(UTC).isoformat(timespec="microseconds"),
        now=now.timestamp(),
        partial=partial,
        missing=missing,
        arrived=[result.part for result in known],
        result=result,
        result_key=result_key,
        reason=reason,
    )
    return over, text


def _reason(error: ServeryError, missing: Sequence[str]) -> str:
    """Why a job failed, and without whom of a group."""
    names = [name for name in missing if name != WHOLE]
    return f"{error}; without {', '.join(names)}" if names else str(error)


def _answer(
    job: GraphJob, known: Sequence[PartResult], ports: GraphSettlePorts
) -> tuple[str, bool]:
    """The answer of a job, and whether a row lacks its own.

    Raises:
        ServeryError: what the job fails with.
    """
    group = fan_group(job.spec)
    answer = _whole(job, known, ports) if group is None else _together(job, group, known, ports)
    text = msgspec.json.encode(answer)
    # A string within JSON: every quote takes two bytes there.
    if len(text) + text.count(b'"') + 2 * text.count(b"\\") > MOST_ANSWER_BYTES:
        raise TooLargeError("the answer would be too large; send fewer rows")
    return text.decode(), answer.partial


def _whole(job: GraphJob, known: Sequence[PartResult], ports: GraphSettlePorts) -> GraphJobAnswer:
    if not known:
        raise DeadlineExceededError(job.graph, job.spec.job_wait_s)
    if known[0].state is PartState.FAILED:
        raise error_of(known[0])
    rows = rows_of(known[0], ports.documents)
    return GraphJobAnswer(predictions=rows, partial=known[0].partial, degraded=known[0].degraded)


def _counted(group: Group, known: Sequence[PartResult]) -> list[PartResult]:
    """The parts whose failure matters; where any will do, those before the first that is there."""
    before = list(known)
    if group.aggregate is Aggregator.ANY:
        before = list(takewhile(lambda result: result.state is PartState.FAILED, known))
    return [result for result in before if result.state is PartState.FAILED]


def _together(
    job: GraphJob, group: Group, known: Sequence[PartResult], ports: GraphSettlePorts
) -> GraphJobAnswer:
    """What comes of a group, by the rules of the engine that asks it directly."""
    step = job.spec.steps[0]
    failed = [error_of(result) for result in _counted(group, known)]
    refusal = next((error for error in failed if isinstance(error, RejectedError)), None)
    if refusal is not None:
        raise refusal
    records = records_of(job, ports.documents)
    concerned = Known(records).concerned([], step.when)
    done = [result for result in known if result.state is PartState.DONE]
    answered: dict[str, list[Row]] = {}
    for result in done:
        rows = rows_of(result, ports.documents)
        answered[result.part] = [rows[row] or {} for row in concerned]
    predictions: list[dict[str, Any] | None] = [None] * len(records)
    degraded = any(result.degraded for result in done)
    if concerned:
        outcome = together(
            step.name, group, answered, failed, rows=len(concerned), named=ports.named
        )
        if outcome.error is not None and step.on_failure is OnFailure.FAIL:
            raise outcome.error
        default = step.default if step.on_failure is OnFailure.DEFAULT else None
        for row, answer in zip(concerned, outcome.rows, strict=True):
            predictions[row] = answer if answer is not None or default is None else dict(default)
        degraded = degraded or (outcome.error is not None and default is not None)
    partial = any(answer is None for answer in predictions)
    return GraphJobAnswer(predictions=predictions, partial=partial, degraded=degraded)
