"""Takes a request that is answered later: written down first, then put into the queue.

The record is what makes the job durable, so it stands before anything is said to the caller;
the message only makes it quick. Where the queue is down, or this process dies after the record,
a sweep sends what was not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from servery.domain.digest import digest_bytes
from servery.domain.job_changes import GRACE_SECONDS, mark_sent
from servery.domain.job_ids import job_id_of, new_job_id
from servery.domain.jobs import Job, JobState
from servery.domain.pairs import check_direct
from servery.errors import ConflictError, TooLargeError
from servery.usecases.jobs.checks import KEY_HEADER, check_body, check_callback, check_key
from servery.usecases.jobs.documents import keep_body

if TYPE_CHECKING:
    from datetime import datetime

    from servery.ports import Caller, Clock, Deployments, Documents, JobQueue, JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request as it came.

    Attributes:
        model: Who is asked.
        body: The body, decoded.
        key: The caller's idempotency key; None for none.
        callback_url: Whom to tell; None for nobody.
        request_id: What every log knows the request by.
        stage: `heavy` where it is the second answer to a staged request, else empty.
    """

    model: str
    body: bytes
    key: str | None = None
    callback_url: str | None = None
    request_id: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is durable.

    Attributes:
        job: As it is.
        new: Whether this request made it, and not an earlier one under the same key.
        unsent: Why it is not in the queue yet, where it is not; a sweep sends it.
    """

    job: Job
    new: bool
    unsent: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPorts:
    """What taking a job works with.

    Attributes:
        deployments: Who answers for which model.
        store: Where jobs are kept.
        documents: Where large bodies are kept.
        queue: The worker's queue.
        caller: Who says which addresses may be called back.
        clock: The time.
        entropy: Random hexadecimal digits, for ids; at least 14.
        retention_days: How long a job and its result can be read.
    """

    deployments: Deployments
    store: JobStore
    documents: Documents
    queue: JobQueue
    caller: Caller
    clock: Clock
    entropy: Callable[[], str]
    retention_days: int


def submit(submission: Submission, ports: SubmitPorts) -> Submitted:
    """Accept a job.

    What only the model's signature can tell is found when the job is carried out.

    Raises:
        NotFoundError: nothing is released under the name of the model.
        TooLargeError: more bytes than the model takes.
        MalformedError: the body is no JSON.
        InvalidInputError: it is no request, the key or the callback's address is not
            acceptable, or the model is half of a pair.
        ConflictError: the key was used for another request.
        RetryableError: it could not be written down; it is not accepted.
    """
    deployment = ports.deployments.get(submission.model)
    check_direct(deployment.champion.ref)
    most = deployment.limits.max_body_kb * 1000
    if len(submission.body) > most:
        raise TooLargeError(f"the body has {len(submission.body)} bytes; this model takes {most}")
    check_body(submission.body)
    check_key(submission.key)
    check_callback(submission.callback_url, ports.caller)
    job = _record(submission, ports)
    kept = ports.store.add(job)
    if kept != job:
        return Submitted(_same(kept, job), new=False)
    return _send(job, ports)


def _record(submission: Submission, ports: SubmitPorts) -> Job:
    """The record of a new job; a body too large for it is written first."""
    now = ports.clock.now()
    job_id = _id(submission, now, ports.entropy)
    body, body_key = keep_body(job_id, submission.body, ports.documents)
    return Job(
        id=job_id,
        model=submission.model,
        state=JobState.QUEUED,
        created=now.astimezone(UTC).isoformat(timespec="microseconds"),
        expires=now.timestamp() + ports.retention_days * 86_400.0,
        request_id=submission.request_id,
        digest=digest_bytes(submission.body),
        body=body,
        body_key=body_key,
        due=now.timestamp() + GRACE_SECONDS,
        callback_url=submission.callback_url or "",
        stage=submission.stage,
    )


def _id(submission: Submission, now: datetime, entropy: Callable[[], str]) -> str:
    """The same for the same key of the same model and stage; else random, by time."""
    if submission.key is not None:
        staged = [submission.stage] if submission.stage else []
        return job_id_of(submission.model, submission.key, *staged)
    return new_job_id(now, entropy)


def _same(kept: Job, job: Job) -> Job:
    if (kept.digest, kept.callback_url) != (job.digest, job.callback_url):
        raise ConflictError(
            f"this {KEY_HEADER} was used for a request with another body or another callback"
        )
    return kept


def _send(job: Job, ports: SubmitPorts) -> Submitted:
    """Put a job into the queue. It is accepted, so nothing that goes wrong here is the caller's."""
    try:
        ports.queue.send([job.id])
        sent = mark_sent(job, now=ports.clock.now().timestamp())
        with suppress(ConflictError):  # a worker has it already
            ports.store.put(sent)
            job = sent
    except Exception as error:
        return Submitted(job, new=True, unsent=error)
    return Submitted(job, new=True)
