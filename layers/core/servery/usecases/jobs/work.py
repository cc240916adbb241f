"""The worker: takes jobs to their ends, or back into the queue.

Everything it writes is the next revision of a record, so of two workers that have the same job
one is too late, and writes nothing. It may die at any line: what it had claimed is free again
when its lease has passed, and what it had ended but told nobody is told by a sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from servery.domain.jobs import Job
from servery.errors import ConflictError, NotFoundError, RetryableError
from servery.usecases.jobs.claiming import take, unanswerable
from servery.usecases.jobs.documents import body_of
from servery.usecases.jobs.grouping import Loaded, grouped
from servery.usecases.jobs.outcomes import Worked
from servery.usecases.jobs.publish import publish
from servery.usecases.jobs.serving import SOON_SECONDS, Serving
from servery.usecases.jobs.settling import Settling, WorkPorts, sentence

LEASE_MARGIN_SECONDS = 7.0  # a lease outlives its worker


def work(receives: Mapping[str, int], ports: WorkPorts, *, owner: str, seconds: float) -> Worked:
    """Look at jobs, each once, however often it was delivered.

    Jobs of one model are asked for together, but for those that were tried before: what went
    wrong may be the doing of one of them, so they go alone.

    Args:
        receives: The jobs' ids, and how often the message of each has been received.
        ports: What is worked with.
        owner: Who works, different for every invocation.
        seconds: How long there is.

    Raises:
        RetryableError: the store does not answer; nothing was begun.
    """
    known = ports.store.get_many(receives)
    work = _Work(ports, receives, owner=owner, seconds=seconds)
    jobs = work.close([known[job_id] for job_id in receives if job_id in known])
    for model in dict.fromkeys(job.model for job in jobs):
        mine = [job for job in jobs if job.model == model]
        for group in grouped(work.claimed(job for job in mine if not job.tries)):
            work.serving.serve(group)
            work.tell()
        for loaded in work.claimed(job for job in mine if job.tries):
            work.serving.serve([loaded])
            work.tell()
    return work.worked


class _Work:
    """One invocation."""

    def __init__(
        self, ports: WorkPorts, receives: Mapping[str, int], *, owner: str, seconds: float
    ) -> None:
        self._ports = ports
        self._owner = owner
        self._until = ports.clock.now().timestamp() + seconds
        self._told = 0
        self.worked = Worked()
        self._settling = Settling(ports, self.worked)
        self.serving = Serving(ports, self.worked, receives, until=self._until)

    def close(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs that go on; the others are ended, or told of where nobody did it in time."""
        now = self._ports.clock.now()
        self._publish([j for j in jobs if j.due is not None and j.due <= now.timestamp()])
        going_on: list[Job] = []
        for job in jobs:
            ending = unanswerable(job, now)
            if ending is not None:
                self._settling.close(job, ending)
            elif not job.state.final:
                going_on.append(job)
        self.tell()
        return going_on

    def claimed(self, jobs: Iterable[Job]) -> Iterator[Loaded]:
        """The jobs that this worker could take, each claimed when it is asked for."""
        for job in jobs:
            if not self.serving.seconds:
                self.worked.back[job.id] = SOON_SECONDS
                continue
            loaded = self._load(job)
            if loaded is not None:
                yield loaded

    def tell(self) -> None:
        """Tell of the jobs that were ended since the last time."""
        ended = self.worked.ended[self._told :]
        self._told = len(self.worked.ended)
        self._publish([one.job for one in ended])

    def _load(self, job: Job) -> Loaded | None:
        now = self._ports.clock.now()
        lease = self._until - now.timestamp() + LEASE_MARGIN_SECONDS
        try:
            job = take(job, self._ports.store, owner=self._owner, now=now, seconds=lease)
        except (ConflictError, NotFoundError):
            return None
        except Exception as error:
            self.worked.errors.append((job.id, error))
            self.worked.back[job.id] = SOON_SECONDS
            return None
        try:
            return Loaded(job, body_of(job, self._ports.documents))
        except RetryableError as error:
            self.serving.put_back([Loaded(job, "")], sentence(error))
        except Exception as error:
            self._settling.failure(Loaded(job, ""), error)
        return None

    def _publish(self, jobs: Sequence[Job]) -> None:
        ports = self._ports
        if not jobs:
            return
        try:
            publish(jobs, store=ports.store, events=ports.events, callbacks=ports.callbacks)
        except Exception as error:  # a sweep tells of them
            self.worked.errors.append((jobs[0].id, error))
