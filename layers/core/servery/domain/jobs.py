"""The job: one asynchronous request, its states, and its places in lists.

The record is the truth. A queue message only says "look at this job"; it may come late, twice or
never. `due` says when a sweep has to look at a job by itself, so every job that is not over, or
whose end nobody was told, has one: nothing that was accepted can be forgotten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

MAX_TRIES = 4
"""How often a job is tried before it has failed for good."""
PAUSE_BASE = 4.0
"""Seconds to the power of the tries so far between two of them: 4, 16, 64; so a model server may
be away for more than a minute before jobs fail for it."""
MAX_CALLBACK_TRIES = 8


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
        stage: `heavy` where it is the second answer to a staged request, else empty.
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
    stage: str = ""


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


def seen(job: L, *, now: float) -> L:
    """The job as a reader sees it: past its time, its content is gone for everybody."""
    if now < job.expires or job.state is JobState.EXPIRED:
        return job
    content = ("result", "result_key", "body", "body_key") if isinstance(job, Job) else ()
    return msgspec.structs.replace(job, state=JobState.EXPIRED, **dict.fromkeys(content, ""))
