"""Looks at jobs whose time has come: sends what was not sent, frees what was left, tells the rest.

Everything that a process could leave undone by dying has a time at which it is done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from servery.domain.job_changes import mark_sent, put_off, release
from servery.domain.jobs import Ending, Job, JobState
from servery.errors import ConflictError
from servery.usecases.jobs.claiming import ended, unanswerable
from servery.usecases.jobs.publish import publish

if TYPE_CHECKING:
    from servery.ports import Clock, DeadJobs, JobEvents, JobQueue, JobStore

AT_ONCE = 50
PUT_OFF_SECONDS = 60.0
LEAST_SECONDS = 10.0
LEFT = "its worker did not come back"


class Kind(StrEnum):
    """What a sweep did for a job."""

    SENT = "sent"
    RELEASED = "released"
    FAILED = JobState.FAILED
    EXPIRED = JobState.EXPIRED
    TOLD = "told"
    PUT_OFF = "put_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPorts:
    """What a sweep works with.

    Attributes:
        store: Where jobs are kept.
        queue: The worker's queue.
        dead: Where jobs that failed for good are laid aside.
        events: The event bus.
        callbacks: The queue of callbacks.
        clock: The time.
    """

    store: JobStore
    queue: JobQueue
    dead: DeadJobs
    events: JobEvents
    callbacks: JobQueue
    clock: Clock


@dataclass(slots=True)
class Swept:
    """What a sweep came to.

    Attributes:
        counts: How many jobs, by what was done for them.
        oldest_seconds: Age of the oldest waiting job that it met.
        left: Whether its time ended before its work.
        errors: Why jobs were put off, the first of each queue or bus.
    """

    counts: Counter[Kind] = field(default_factory=Counter)
    oldest_seconds: float = 0.0
    left: bool = False
    errors: dict[str, Exception] = field(default_factory=dict)


def sweep(ports: SweepPorts, *, seconds: Callable[[], float]) -> Swept:
    """Look at every job that is due, the longest waiting first, while there is time.

    A queue or a bus that does not take anything costs one try; its jobs are put off, so they do
    not stand before those that something can be done for.

    Args:
        ports: What it works with.
        seconds: How many are left.

    Raises:
        RetryableError: the store does not answer.
    """
    work = _Sweep(ports)
    met: set[tuple[str, int]] = set()
    while True:
        if seconds() < LEAST_SECONDS:
            work.swept.left = True
            return work.swept
        now = ports.clock.now()
        due = ports.store.due(now.timestamp(), limit=AT_ONCE)
        fresh = [job for job in due if (job.id, job.revision) not in met]
        if not fresh:  # nothing, or only what an index has not caught up with
            return work.swept
        met.update((job.id, job.revision) for job in fresh)
        work.look_at(fresh, now)


class _Sweep:
    """One sweep, and what it has come to so far."""

    def __init__(self, ports: SweepPorts) -> None:
        self._ports = ports
        self.swept = Swept()

    def look_at(self, jobs: Sequence[Job], now: datetime) -> None:
        """Do for each job what is due."""
        waiting: list[Job] = []
        over: list[Job] = []
        for job in jobs:
            ending = unanswerable(job, now)
            if job.state.final:
                over.append(job)
            elif ending is not None:
                over += self._end(job, ending, now)
            elif job.state is JobState.QUEUED:
                waiting.append(job)
            else:
                waiting += self._release(job, now)
        self._send(waiting, now)
        self._tell(over, now)

    def _release(self, job: Job, now: datetime) -> list[Job]:
        if job.lease > now.timestamp():
            return []
        return self._put(release(job, now=now.timestamp(), seconds=0, reason=LEFT), Kind.RELEASED)

    def _end(self, job: Job, ending: Ending, now: datetime) -> list[Job]:
        """What has failed is laid aside first: twice does no harm, and once too few is lost."""
        if ending.state is JobState.FAILED:
            try:
                self._ports.dead.add(job.id, ending.reason)
            except Exception as error:
                self._put_off([job], "dead", error, now)
                return []
        return self._put(ended(job, ending, now), Kind(ending.state))

    def _send(self, jobs: list[Job], now: datetime) -> None:
        if not jobs:
            return
        ages = [(now - datetime.fromisoformat(job.created)).total_seconds() for job in jobs]
        self.swept.oldest_seconds = max(self.swept.oldest_seconds, *ages)
        if not self._try("queue", jobs, now, lambda: self._ports.queue.send([j.id for j in jobs])):
            return
        for job in jobs:
            self._put(mark_sent(job, now=now.timestamp()), Kind.SENT)

    def _tell(self, jobs: list[Job], now: datetime) -> None:
        ports = self._ports

        def tell() -> None:
            told = publish(jobs, store=ports.store, events=ports.events, callbacks=ports.callbacks)
            self.swept.counts[Kind.TOLD] += len(told)

        if jobs:
            self._try("telling", jobs, now, tell)

    def _try(self, name: str, jobs: list[Job], now: datetime, do: Callable[[], None]) -> bool:
        """Do what may fail as a whole, unless it has failed before; else put the jobs off."""
        error = self.swept.errors.get(name)
        if error is None:
            try:
                do()
            except Exception as failure:
                error = failure
            else:
                return True
        self._put_off(jobs, name, error, now)
        return False

    def _put_off(self, jobs: list[Job], name: str, error: Exception, now: datetime) -> None:
        self.swept.errors.setdefault(name, error)
        for job in jobs:
            later = put_off(job, now=now.timestamp(), seconds=PUT_OFF_SECONDS)
            self._put(later, Kind.PUT_OFF)

    def _put(self, job: Job, kind: Kind) -> list[Job]:
        """Write a job, unless somebody was quicker: what it is now is theirs to see to."""
        with suppress(ConflictError):
            self._ports.store.put(job)
            self.swept.counts[kind] += 1
            return [job]
        return []
