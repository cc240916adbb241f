"""The job: one asynchronous request, its states, and the only ways from one to the next.

The record is the truth. A queue message only says "look at this job"; it may come late, twice or
never. `due` says when a sweep has to look at a job by itself, so every job that is not over, or
whose end nobody was told, has one: nothing that was accepted can be forgotten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from servery.errors import ConflictError

MAX_TRIES = 4
"""How often a job is tried before it has failed for good."""
PAUSE_BASE = 4.0
"""Seconds to the power of the tries so far between two of them: 4, 16, 64; so a model server may
be away for more than a minute before jobs fail for it."""
MAX_CALLBACK_TRIES = 8
GRACE_SECONDS = 30.0
"""How long a step that follows at once may take before a sweep does it."""
LOST_SECONDS = 900.0
"""After this long in the queue, doubled each time, a job's message counts as lost."""


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen, but for a redrive."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class CallbackState(StrEnum):
    """How far telling the caller is; `none` where no address was given."""

    NONE = "none"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a list shows of a job; too little to write it back.

    Attributes:
        id: Unique; the same for the same idempotency key of the same model.
        model: Who is asked.
        state: Where it is.
        created: ISO 8601, UTC.
        expires: When the job and its result may be forgotten, seconds since the epoch.
        tries: How often it was given to a model server.
        started: When the last try began, ISO 8601.
        finished: When it was over, ISO 8601.
        status: The HTTP status that a synchronous request would have had.
        model_version: The version that answered.
        reason: Why it failed, was cancelled or goes round again; a sentence.
        callback_url: Whom to tell.
        callback: How far telling is.
        callback_tries: How often it was tried.
    """

    id: str
    model: str
    state: JobState
    created: str
    expires: float
    tries: int = 0
    started: str = ""
    finished: str = ""
    status: int = 0
    model_version: str = ""
    reason: str = ""
    callback_url: str = ""
    callback: CallbackState = CallbackState.NONE
    callback_tries: int = 0


class Job(Listed, frozen=True, kw_only=True):
    """One asynchronous request: what a list shows of it, and the rest.

    Attributes:
        revision: Raised by one with every change; a stale writer loses.
        request_id: As everywhere.
        digest: SHA-256 (hex) of the request's body.
        body: The request's body, or
        body_key: where it is in the exchange bucket, when it is large.
        sent: How often a message about it was put into the queue.
        owner: The worker that has it (running only).
        lease: Until when the worker has it, seconds since the epoch (running only).
        due: When a sweep has to look at it, seconds since the epoch; None for never.
        result: The answer (done) or the problem document (failed), or
        result_key: where it is in the exchange bucket, when it is large.
    """

    revision: int = 1
    request_id: str = ""
    digest: str
    body: str = ""
    body_key: str = ""
    sent: int = 0
    owner: str = ""
    lease: float = 0.0
    due: float | None = None
    result: str = ""
    result_key: str = ""


L = TypeVar("L", bound=Listed)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a try came out: what the job is to say when it is over."""

    state: JobState
    status: int = 0
    model_version: str = ""
    result: str = ""
    result_key: str = ""
    reason: str = ""


def order_of(job: Listed) -> str:
    """Where a job is in lists: they are in the reverse order of this text."""
    return f"{job.created} {job.id}"


def order_in_state(job: Listed) -> str:
    """Where a job is in lists of one state: they are in the reverse order of this text.

    It goes by when the job expires. Since all are kept for as long, that is the order of lists
    too, in which a job that is driven again counts as new; and those whose time has passed are
    one end of it, so nobody has to read past them.
    """
    return f"{moment(job.expires)} {job.id}"


def moment(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601, UTC, in the order of time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def listed(job: Job) -> Listed:
    """What a list shows of a job."""
    return Listed(**{name: getattr(job, name) for name in Listed.__struct_fields__})


def mark_sent(job: Job, *, now: float) -> Job:
    """A message is in the queue; look again when it must be lost.

    Raises:
        ConflictError: the job does not wait for a worker any more.
    """
    if job.state is not JobState.QUEUED:
        raise ConflictError(f"the job is {job.state}")
    return _next(job, sent=job.sent + 1, due=now + LOST_SECONDS * 2 ** min(job.sent, 6))


def claim(job: Job, *, owner: str, now: float, started: str, seconds: float) -> Job:
    """A worker takes the job for so many seconds.

    A job whose worker let its lease pass is free again.

    Raises:
        ConflictError: it is over, or another worker has it.
    """
    if job.state.final:
        raise ConflictError(f"the job is {job.state}")
    if job.state is JobState.RUNNING and job.lease > now and job.owner != owner:
        raise ConflictError("another worker has the job")
    return _next(
        job,
        state=JobState.RUNNING,
        owner=owner,
        lease=now + seconds,
        due=now + seconds + GRACE_SECONDS,
        tries=job.tries + 1,
        started=started,
    )


def release(job: Job, *, now: float, seconds: float, reason: str, tried: bool = True) -> Job:
    """Another try may follow, in so many seconds; the job can be cancelled again.

    Args:
        job: Claimed.
        now: Seconds since the epoch.
        seconds: When its message comes back.
        reason: Why there has to be another try; a sentence.
        tried: Whether a model server was given the job. Where none was, as when all are busy
            or the time is up, the claim does not count as a try.

    Raises:
        ConflictError: nobody has the job.
    """
    if job.state is not JobState.RUNNING:
        raise ConflictError(f"the job is {job.state}")
    return _next(
        job,
        state=JobState.QUEUED,
        owner="",
        lease=0.0,
        due=now + seconds + GRACE_SECONDS,
        tries=job.tries if tried else max(0, job.tries - 1),
        reason=reason,
    )


def end(job: Job, ending: Ending, *, now: float, finished: str) -> Job:
    """The job is over; who waits for it has still to be told, which `told` records.

    Raises:
        ConflictError: it is over already.
    """
    if job.state.final:
        raise ConflictError(f"the job is {job.state} already")
    return _next(
        job,
        state=ending.state,
        status=ending.status,
        model_version=ending.model_version,
        result=ending.result,
        result_key=ending.result_key,
        reason=ending.reason,
        owner="",
        lease=0.0,
        due=now + GRACE_SECONDS,
        finished=finished,
        callback=CallbackState.PENDING if job.callback_url else CallbackState.NONE,
    )


def cancel(job: Job, *, now: float, finished: str) -> Job:
    """Cancel a job that has not started; one that is cancelled stays as it is.

    Raises:
        ConflictError: it runs, or is over.
    """
    if job.state is JobState.CANCELLED:
        return job
    if job.state is not JobState.QUEUED:
        raise ConflictError(f"the job is {job.state}; only what has not started can be cancelled")
    ending = Ending(state=JobState.CANCELLED, reason="cancelled by the caller")
    return end(job, ending, now=now, finished=finished)


def told(job: Job) -> Job:
    """The event is out, and the callback, if there is one, is in its queue.

    Raises:
        ConflictError: the job is not over, there is nothing to tell yet.
    """
    if not job.state.final:
        raise ConflictError(f"the job is {job.state}")
    return _next(job, due=None)


def put_off(job: Job, *, now: float, seconds: float) -> Job:
    """What a sweep wanted to do cannot be done now; look again in so many seconds.

    It leaves the front of the line to jobs that something can be done for. One that nobody has
    to look at stays so.
    """
    return job if job.due is None else _next(job, due=now + seconds)


def redrive(job: Job, *, now: float, expires: float) -> Job:
    """Give a failed job all its tries again.

    Raises:
        ConflictError: it has not failed.
    """
    if job.state is not JobState.FAILED:
        raise ConflictError(f"the job is {job.state}; only failed ones are driven again")
    return _next(
        job,
        state=JobState.QUEUED,
        tries=0,
        sent=0,
        status=0,
        result="",
        result_key="",
        model_version="",
        finished="",
        reason="driven again",
        callback=CallbackState.NONE,
        callback_tries=0,
        expires=max(job.expires, expires),
        due=now + GRACE_SECONDS,
    )


def called_back(job: Job, outcome: CallbackState) -> Job:
    """One try to tell the caller is over."""
    return _next(job, callback=outcome, callback_tries=job.callback_tries + 1)


def seen(job: L, *, now: float) -> L:
    """The job as a reader sees it: past its time, its content is gone for everybody."""
    if now < job.expires or job.state is JobState.EXPIRED:
        return job
    content = ("result", "result_key", "body", "body_key") if isinstance(job, Job) else ()
    return msgspec.structs.replace(job, state=JobState.EXPIRED, **dict.fromkeys(content, ""))


def _next(job: Job, **changes: object) -> Job:
    return msgspec.structs.replace(job, revision=job.revision + 1, **changes)
