"""Takes a request to a graph that is answered later: written down first, then published.

The record is what makes the job durable, so it stands before anything is said to the caller.
Where the topic is down, or this process dies after the record, a sweep publishes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from servery.domain.digest import digest_bytes
from servery.domain.graph_jobs import (
    GRACE_SECONDS,
    GraphJob,
    PartMessage,
    mark_sent,
    parts_of,
)
from servery.domain.graph_records import GraphRecord
from servery.domain.job_ids import job_id_of, new_job_id
from servery.errors import ConflictError, InvalidInputError, Violation
from servery.usecases.graph.fan_out.documents import keep

if TYPE_CHECKING:
    from servery.ports import Clock, Documents, GraphJobStore, JobQueue, PartTopic

KEY_HEADER = "Idempotency-Key"
LONGEST_DELAY_SECONDS = 900.0
"""Of a message; a job that waits longer is settled by a sweep, up to a minute later."""

_is_key = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSubmission:
    """A request to a graph, checked against its columns.

    Attributes:
        record: The graph.
        body: The body, decoded: JSON with the rows as `records`.
        key: The caller's idempotency key; None for none.
        request_id: What every log knows the request by.
        id: The id of the job, where it is not to be made here.
        origin: `JOB/MEMBER` whose answer sets it going.
        depth: How many jobs came before it.
    """

    record: GraphRecord
    body: bytes
    key: str | None = None
    request_id: str = ""
    id: str = ""
    origin: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class GraphSubmitted:
    """A job that is durable.

    Attributes:
        job: As it is.
        new: Whether this request made it, and not an earlier one under the same key.
        unsent: Why its parts are not published yet, or its alarm is not set; a sweep does both.
    """

    job: GraphJob
    new: bool
    unsent: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSubmitPorts:
    """What taking a job works with.

    Attributes:
        store: Where jobs are kept.
        documents: Where large bodies are kept.
        topic: Carries the parts.
        later: The queue that says when the time of a job is up.
        clock: The time.
        entropy: Random hexadecimal digits, for ids; at least 14.
        retention_days: How long a job and its result can be read.
    """

    store: GraphJobStore
    documents: Documents
    topic: PartTopic
    later: JobQueue
    clock: Clock
    entropy: Callable[[], str]
    retention_days: int


def submit(submission: GraphSubmission, ports: GraphSubmitPorts) -> GraphSubmitted:
    """Accept a job.

    Raises:
        InvalidInputError: the key is not acceptable.
        ConflictError: the key was used for another request.
        RetryableError: it could not be written down; it is not accepted.
    """
    check_key(submission.key)
    job = _job(submission, ports)
    kept = ports.store.add(job)
    if kept != job:
        if kept.digest != job.digest:
            raise ConflictError(f"this {KEY_HEADER} was used for a request with another body")
        return GraphSubmitted(kept, new=False)
    return _send(job, ports)


def check_key(key: str | None) -> None:
    """Refuse an idempotency key that is no 1 to 255 printable characters of ASCII.

    Raises:
        InvalidInputError: it is something else.
    """
    if key is not None and not _is_key(key):
        message = "is 1 to 255 printable ASCII characters"
        raise InvalidInputError(f"{KEY_HEADER}: {message}", (Violation(KEY_HEADER, message),))


def publish_parts(job: GraphJob, topic: PartTopic) -> None:
    """Publish a message for each part of a job.

    Raises:
        RetryableError: not all of them got there; those that did may come again.
    """
    parts = parts_of(job.spec)
    topic.publish([PartMessage(job=job.id, part=part, slot=n) for n, part in enumerate(parts)])


def _job(submission: GraphSubmission, ports: GraphSubmitPorts) -> GraphJob:
    now = ports.clock.now()
    spec = submission.record.spec
    job_id = submission.id or _id(spec.name, submission.key, now, ports.entropy)
    body, body_key = keep(job_id, "request", submission.body, ports.documents)
    return GraphJob(
        id=job_id,
        graph=spec.name,
        graph_revision=submission.record.revision,
        record=submission.record,
        created=now.astimezone(UTC).isoformat(timespec="microseconds"),
        expires=now.timestamp() + max(spec.job_wait_s, ports.retention_days * 86_400.0),
        settle_at=now.timestamp() + spec.job_wait_s,
        due=now.timestamp() + GRACE_SECONDS,
        request_id=submission.request_id,
        digest=digest_bytes(submission.body),
        body=body,
        body_key=body_key,
        origin=submission.origin,
        depth=submission.depth,
    )


def _id(graph: str, key: str | None, now: datetime, entropy: Callable[[], str]) -> str:
    """The same for the same key of the same graph; else random, and in the order of time."""
    if key is not None:
        return job_id_of(graph, key)
    return new_job_id(now, entropy)


def _send(job: GraphJob, ports: GraphSubmitPorts) -> GraphSubmitted:
    """Publish the parts of a job. It is accepted, so nothing that goes wrong is the caller's."""
    try:
        publish_parts(job, ports.topic)
    except Exception as error:
        return GraphSubmitted(job, new=True, unsent=error)
    unsent = _set_alarm(job, ports)
    try:
        sent = mark_sent(job)
        ports.store.put(sent)
    except ConflictError:  # it has ended already
        return GraphSubmitted(job, new=True, unsent=unsent)
    except Exception as error:
        return GraphSubmitted(job, new=True, unsent=error)
    return GraphSubmitted(sent, new=True, unsent=unsent)


def _set_alarm(job: GraphJob, ports: GraphSubmitPorts) -> Exception | None:
    """Have the job looked at when its time is up; why that could not be done, if so."""
    delay = job.settle_at - ports.clock.now().timestamp()
    if delay > LONGEST_DELAY_SECONDS:
        return None
    try:
        ports.later.send([job.id], delay=max(0.0, delay))
    except Exception as error:
        return error
    return None
