"""What a job comes to, out of the parts that are in: its answer, or what it fails with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from servery.domain.graph_jobs import (
    WHOLE,
    GraphJob,
    GraphJobState,
    PartResult,
    PartState,
    fan_group,
)
from servery.domain.graphs import Aggregator, Group, OnFailure
from servery.errors import (
    DeadlineExceededError,
    FaultError,
    RejectedError,
    ServeryError,
    TooLargeError,
)
from servery.usecases.graph.fan_out.documents import Rows, records_of, rows_of
from servery.usecases.graph.fan_out.failures import error_of
from servery.usecases.graph.outcomes import together
from servery.usecases.graph.values import Known, Row

if TYPE_CHECKING:
    from servery.domain.named_aggregators import NamedAggregator
    from servery.ports import Documents

Refuse = Callable[[Exception, str], tuple[int, str]]
"""The status and the problem document for an error and the id of a request."""
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 64 * 1024  # what the answer of a function may have


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


@dataclass(frozen=True, slots=True)
class Ending:
    """What a job comes to: its answer or problem document as JSON, and why it failed."""

    state: GraphJobState
    text: str
    partial: bool = False
    reason: str = ""


def ending_of(
    job: GraphJob,
    known: Sequence[PartResult],
    missing: Sequence[str],
    *,
    documents: Documents,
    named: Mapping[str, NamedAggregator],
    refuse: Refuse,
) -> Ending:
    """What a job comes to.

    Args:
        job: The job.
        known: The parts that are in, in declared order.
        missing: The parts without an answer, in declared order.
        documents: Where large texts are kept.
        named: The aggregators of the deploy's allow-list.
        refuse: Makes the problem document of an error.

    Raises:
        RetryableError: a text cannot be read at the moment, so nobody knows yet.
    """
    request = job.request_id or job.id
    try:
        records = records_of(job, documents)
        rows = {r.part: rows_of(r, documents) for r in known if r.state is PartState.DONE}
    except FaultError as error:  # it is gone, and will stay so
        return Ending(GraphJobState.FAILED, refuse(error, request)[1], reason=str(error))
    try:
        answer = _answer(job, _Parts(records, known, rows, named))
        text = _text(answer)
    except ServeryError as error:
        reason = _reason(error, missing)
        return Ending(GraphJobState.FAILED, refuse(error, request)[1], reason=reason)
    return Ending(GraphJobState.DONE, text, partial=answer.partial or bool(missing))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is known of a job when it ends."""

    records: list[Row]
    known: Sequence[PartResult]
    rows: Mapping[str, Rows]
    named: Mapping[str, NamedAggregator]

    @property
    def degraded(self) -> bool:
        return any(result.degraded for result in self.known if result.part in self.rows)


def _text(answer: GraphJobAnswer) -> str:
    text = msgspec.json.encode(answer)
    # A string within JSON: every quote takes two bytes there.
    if len(text) + text.count(b'"') + 2 * text.count(b"\\") > MOST_ANSWER_BYTES:
        raise TooLargeError("the answer would be too large; send fewer rows")
    return text.decode()


def _reason(error: ServeryError, missing: Sequence[str]) -> str:
    """Why a job failed, and without whom of a group."""
    names = [name for name in missing if name != WHOLE]
    return f"{error}; without {', '.join(names)}" if names else str(error)


def _answer(job: GraphJob, parts: _Parts) -> GraphJobAnswer:
    group = fan_group(job.spec)
    return _whole(job, parts) if group is None else _together(job, group, parts)


def _whole(job: GraphJob, parts: _Parts) -> GraphJobAnswer:
    if not parts.known:
        raise DeadlineExceededError(job.graph, job.spec.job_wait_s)
    (result,) = parts.known
    if result.state is PartState.FAILED:
        raise error_of(result)
    rows = parts.rows[result.part]
    return GraphJobAnswer(predictions=rows, partial=result.partial, degraded=result.degraded)


def _together(job: GraphJob, group: Group, parts: _Parts) -> GraphJobAnswer:
    """What comes of a group, by the rules of the engine that asks it directly."""
    step = job.spec.steps[0]
    failed = _failed(group, parts.known)
    concerned = Known(parts.records).concerned([], step.when)
    answered = {part: [rows[n] or {} for n in concerned] for part, rows in parts.rows.items()}
    predictions: Rows = [None] * len(parts.records)
    degraded = parts.degraded
    if concerned:
        outcome = together(
            step.name, group, answered, failed, rows=len(concerned), named=parts.named
        )
        if outcome.error is not None and step.on_failure is OnFailure.FAIL:
            raise outcome.error
        default = step.default if step.on_failure is OnFailure.DEFAULT else None
        for row, answer in zip(concerned, outcome.rows, strict=True):
            predictions[row] = answer if answer is not None or default is None else dict(default)
        degraded = degraded or (outcome.error is not None and default is not None)
    partial = any(answer is None for answer in predictions)
    return GraphJobAnswer(predictions=predictions, partial=partial, degraded=degraded)


def _failed(group: Group, known: Sequence[PartResult]) -> list[ServeryError]:
    """The failures that matter; where any will do, those before the first that is there.

    Raises:
        RejectedError: one of them is what the caller has to mend.
    """
    before = list(known)
    if group.aggregate is Aggregator.ANY:
        before = list(takewhile(lambda result: result.state is PartState.FAILED, known))
    failed = [error_of(result) for result in before if result.state is PartState.FAILED]
    for error in failed:
        if isinstance(error, RejectedError):
            raise error
    return failed
