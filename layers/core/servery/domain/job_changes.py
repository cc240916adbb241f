"""The only ways of a job from one state to the next; each gives the next revision of its record.

None of them writes: whoever does, writes with the condition that nobody else was quicker.
"""

from __future__ import annotations

import msgspec

from servery.domain.jobs import CallbackState, Ending, Job, JobState
from servery.errors import ConflictError

GRACE_SECONDS = 30.0
"""How long a step that follows at once may take before a sweep does it."""
LOST_SECONDS = 900.0
"""After this long in the queue, doubled each time, a job's message counts as lost."""


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


def _next(job: Job, **changes: object) -> Job:
    return msgspec.structs.replace(job, revision=job.revision + 1, **changes)
