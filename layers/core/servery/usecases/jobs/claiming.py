"""Writing a job's next revision, and taking a job, against everybody else who may do the same."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from servery.domain.job_changes import claim, end
from servery.domain.jobs import MAX_TRIES, Ending, Job, JobState
from servery.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from servery.ports import JobStore

_ATTEMPTS = 4


def write(job: Job, store: JobStore) -> None:
    """Write the next revision; one that an own earlier attempt wrote unnoticed counts.

    A store whose answer is lost makes its client write again, and that conflicts with itself.

    Raises:
        ConflictError: somebody else has changed the job.
    """
    try:
        store.put(job)
    except ConflictError:
        try:
            if store.get(job.id) == job:
                return
        except NotFoundError:
            pass
        raise


def take(job: Job, store: JobStore, *, owner: str, now: datetime, seconds: float) -> Job:
    """Claim a job as it was read, or as somebody else's small change left it.

    Whoever submits a job notes that its message is sent while a worker has the message already;
    such a conflict only means to read again.

    Raises:
        ConflictError: it is over, or another worker has it.
        NotFoundError: it is forgotten.
    """
    started = now.isoformat(timespec="milliseconds")
    for _ in range(_ATTEMPTS):
        claimed = claim(job, owner=owner, now=now.timestamp(), started=started, seconds=seconds)
        try:
            write(claimed, store)
        except ConflictError:
            job = store.get(job.id)
            continue
        return claimed
    raise ConflictError("the job is being changed by others")


def unanswerable(job: Job, now: datetime) -> Ending | None:
    """How a job ends that nobody is to be asked for any more; None for one that goes on.

    It is too late, or its workers have died on it as often as it may be tried. A job that
    another worker has at the moment goes on.
    """
    if job.state.final or (job.state is JobState.RUNNING and job.lease > now.timestamp()):
        return None
    if now.timestamp() >= job.expires:
        return Ending(state=JobState.EXPIRED, reason="expired before it could be answered")
    if job.tries >= MAX_TRIES:
        reason = f"{job.tries} workers in a row did not come back from it"
        return Ending(state=JobState.FAILED, reason=reason)
    return None


def ended(job: Job, ending: Ending, now: datetime) -> Job:
    """A job that is over; `ConflictError` where it is already."""
    finished = now.isoformat(timespec="milliseconds")
    return end(job, ending, now=now.timestamp(), finished=finished)
