"""Cancels what has not started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.job_changes import cancel
from servery.domain.jobs import Job, seen
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.ports import Clock, JobStore

_ATTEMPTS = 5


def cancel_job(job_id: str, *, store: JobStore, clock: Clock) -> Job:
    """Cancel a job that waits; one that is cancelled already is given back as it is.

    The next sweep tells whoever waits for it.

    Raises:
        NotFoundError: there is no such job.
        ConflictError: it runs, or is over.
    """
    for _ in range(_ATTEMPTS):
        now = clock.now()
        job = store.get(job_id)
        current = seen(job, now=now.timestamp())
        cancelled = cancel(current, now=now.timestamp(), finished=now.isoformat())
        if cancelled.revision == job.revision:
            return job
        try:
            store.put(cancelled)
        except ConflictError:
            continue  # somebody was quicker; what it is now decides
        return cancelled
    raise ConflictError("the job is being changed by somebody else")
