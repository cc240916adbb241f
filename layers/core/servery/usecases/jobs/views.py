"""What is told of jobs: typed answers, made out of records."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from servery.domain.jobs import CallbackState, Job, JobState, Listed

_FAILED_STATUS = HTTPStatus.INTERNAL_SERVER_ERROR


class _View(msgspec.Struct, frozen=True, kw_only=True):
    pass


class CallbackView(_View, frozen=True, kw_only=True):
    """Whom a job tells that it is over, and how far that is.

    Attributes:
        url: The address.
        state: `none` until the job is over, then `pending`, `delivered` or `failed`.
        tries: How often it was called.
    """

    url: str
    state: CallbackState
    tries: int


class JobView(_View, frozen=True, kw_only=True):
    """One job.

    Attributes:
        id: Unique.
        model: Who is asked.
        state: Where it is.
        created: When it was accepted, ISO 8601, UTC.
        started: When its last try began, ISO 8601; empty before.
        finished: When it was over, ISO 8601; empty before.
        expires: When its result is gone, ISO 8601.
        tries: How often it was given to a model server.
        status: The HTTP status that a synchronous request would have had; 0 before there is one.
        model_version: The version that answered.
        result: The answer, as a synchronous request would have had it; null until it is done.
        error: The problem document of a job that has failed, else null.
        reason: Why it failed, was cancelled or goes round again; a sentence.
        callback: Who is told; null where no address was given.
        stage: `heavy` where it is the second answer to a staged request, else empty.
    """

    id: str
    model: str
    state: JobState
    created: str
    started: str = ""
    finished: str = ""
    expires: str
    tries: int = 0
    status: int = 0
    model_version: str = ""
    result: msgspec.Raw | None = None
    error: msgspec.Raw | None = None
    reason: str = ""
    callback: CallbackView | None = None
    stage: str = ""


class JobList(_View, frozen=True, kw_only=True):
    """A page of jobs, newest first, without results; `next` is what to ask for after it."""

    jobs: list[JobView]
    next: str = ""


class Redriven(_View, frozen=True, kw_only=True):
    """Which jobs were given all their tries again, and whether there may be more of them."""

    redriven: list[str]
    left: bool


def listed_view(job: Listed) -> JobView:
    """A job as lists tell it, without its result.

    Args:
        job: As a reader sees it (`domain.jobs.seen`).
    """
    callback = None
    if job.callback_url:
        callback = CallbackView(url=job.callback_url, state=job.callback, tries=job.callback_tries)
    return JobView(
        id=job.id,
        model=job.model,
        state=job.state,
        created=job.created,
        started=job.started,
        finished=job.finished,
        expires=datetime.fromtimestamp(job.expires, UTC).isoformat(),
        tries=job.tries,
        status=job.status,
        model_version=job.model_version,
        reason=job.reason,
        callback=callback,
        stage=job.stage,
    )


def job_view(job: Job, result: str | None = None) -> JobView:
    """A job as it is told.

    Args:
        job: As a reader sees it (`domain.jobs.seen`).
        result: Its answer or problem document, JSON; None to leave it out. For a failed job
            that has none (empty) a document says why it failed.
    """
    done, failed = job.state is JobState.DONE, job.state is JobState.FAILED
    text = msgspec.Raw(result.encode()) if result else None
    return msgspec.structs.replace(
        listed_view(job),
        result=text if done else None,
        error=(text or _unanswered(job)) if failed and result is not None else None,
    )


def _unanswered(job: Job) -> msgspec.Raw:
    """The problem document of a job that failed without an answer that has one."""
    status = job.status or int(_FAILED_STATUS)
    document: dict[str, Any] = {
        "type": "urn:servery:problem:job-failed",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": job.reason,
        "instance": f"urn:servery:request:{job.request_id}",
    }
    return msgspec.Raw(msgspec.json.encode(document))
