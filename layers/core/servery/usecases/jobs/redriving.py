"""Gives jobs that failed for good all their tries again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.job_changes import redrive
from servery.domain.jobs import Job, JobState, seen
from servery.errors import ConflictError
from servery.usecases.jobs.views import Redriven

if TYPE_CHECKING:
    from servery.ports import Clock, DeadJobs, JobQueue, JobStore

MOST_AT_ONCE = 50
_ATTEMPTS = 3
_LEAST_SECONDS = 5.0  # with less than this left no more are taken


class RedriveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs.

    Attributes:
        model: Only those of this model.
        limit: How many at the most.
    """

    model: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RedrivePorts:
    """What driving again works with.

    Attributes:
        store: Where jobs are kept.
        queue: The worker's queue.
        dead: Where they were laid aside.
        clock: The time.
        retention_days: How long a job that is driven again can be read, from now.
    """

    store: JobStore
    queue: JobQueue
    dead: DeadJobs
    clock: Clock
    retention_days: int


def redrive_jobs(
    request: RedriveRequest, ports: RedrivePorts, *, seconds: Callable[[], float]
) -> Redriven:
    """Take jobs out of the dead queue and give them all their tries again.

    The record is changed first, then the job is sent, then its dead message is deleted. After a
    crash between any two of these a sweep sends the job, or the next redrive finds the message
    again and sees that nothing is left to do for it.

    Args:
        request: Which jobs.
        ports: What it works with.
        seconds: How many are left to answer in.

    Returns:
        The ids of those that go round again.

    Raises:
        RetryableError: a queue or the store does not answer; what was done until then holds.
    """
    driven: dict[str, None] = {}
    left = False
    while len(driven) < request.limit:
        if seconds() < _LEAST_SECONDS:
            return Redriven(redriven=list(driven), left=True)
        taken = ports.dead.take(min(MOST_AT_ONCE, request.limit - len(driven)))
        if not taken:
            return Redriven(redriven=list(driven), left=left)
        waiting, unsettled = _drive(taken, request.model, ports)
        driven.update(dict.fromkeys(waiting))
        left = left or unsettled
    return Redriven(redriven=list(driven), left=True)


def _drive(
    taken: Mapping[str, str], model: str | None, ports: RedrivePorts
) -> tuple[list[str], bool]:
    """Drive what was taken; the ids of what waits now, and whether something has to be left.

    A message is left for later where its job is another model's, or runs: whoever lays a job
    aside does so before the record says that it has failed.
    """
    known = ports.store.get_many(set(taken.values()))
    jobs = {job_id: known[job_id] for job_id in taken.values() if job_id in known}
    ours = [job for job in jobs.values() if model in (None, job.model)]
    states = {job.id: _wait(job, ports) for job in ours}
    waiting = [job_id for job_id, state in states.items() if state is JobState.QUEUED]
    unsettled = {i for i, state in states.items() if state in (JobState.RUNNING, JobState.FAILED)}
    if waiting:
        ports.queue.send(waiting)
    kept = unsettled | {job_id for job_id in jobs if job_id not in states}
    ports.dead.remove([handle for handle, job_id in taken.items() if job_id not in kept])
    return waiting, bool(unsettled)


def _wait(job: Job, ports: RedrivePorts) -> JobState:
    """Have a job wait for a worker again, where it has failed; the state in which it is now.

    One that waits already was changed by a redrive that came no further, or its messages were
    lost before a worker looked at it: sending it once more does no harm.
    """
    for _ in range(_ATTEMPTS):
        now = ports.clock.now().timestamp()
        state = seen(job, now=now).state
        if state is not JobState.FAILED:
            return state
        driven = redrive(job, now=now, expires=now + ports.retention_days * 86_400.0)
        try:
            ports.store.put(driven)
        except ConflictError:  # it was being told of, or somebody else drives it
            job = ports.store.get(job.id)
        else:
            return driven.state
    return JobState.FAILED
