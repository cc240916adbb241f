"""Tells whoever waits that jobs are over: an event each, and a callback where one was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from servery.domain.job_changes import told
from servery.domain.jobs import CallbackState, Job
from servery.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from servery.ports import JobEvents, JobQueue, JobStore

_ATTEMPTS = 3


def publish(
    jobs: Sequence[Job], *, store: JobStore, events: JobEvents, callbacks: JobQueue
) -> list[Job]:
    """Tell of jobs that are over, and record that it was done.

    The record comes last. Where this raises or dies before it, the jobs stay due and a sweep
    tells them: an event may come twice, none is missing. A callback that is in its queue twice
    is made once, since its outcome is in the record.

    Args:
        jobs: Jobs as they were written; those that are not over or are told already are left out.
        store: Where they are kept.
        events: The event bus.
        callbacks: The queue of callbacks.

    Returns:
        Those that were told, as they are now.

    Raises:
        RetryableError: the bus or a queue takes no more, or the store does not answer.
    """
    untold = [job for job in jobs if job.state.final and job.due is not None]
    waiting = [job.id for job in untold if job.callback is CallbackState.PENDING]
    if waiting:
        callbacks.send(waiting)
    if untold:
        events.publish(untold)
    return [done for job in untold if (done := _record(job, store)) is not None]


def _record(job: Job, store: JobStore) -> Job | None:
    """Record that a job is told; None where it has changed so that this no longer holds.

    The callback may have come to its end meanwhile, which is a revision of its own.
    """
    finished = job.finished
    for _ in range(_ATTEMPTS):
        done = told(job)
        try:
            store.put(done)
        except ConflictError:
            try:
                job = store.get(job.id)
            except NotFoundError:
                return None
            if job.due is None or not job.state.final or job.finished != finished:
                return None
            continue
        return done
    return None
