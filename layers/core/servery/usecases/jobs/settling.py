"""Writes down what became of jobs that this worker has: they are over, or they are tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from servery.domain.job_changes import release
from servery.domain.jobs import MAX_TRIES, PAUSE_BASE, Ending, Job, JobState
from servery.errors import ConflictError, NotFoundError, ServeryError
from servery.usecases.jobs.claiming import ended, write
from servery.usecases.jobs.documents import keep_result
from servery.usecases.jobs.outcomes import Ended, Worked

if TYPE_CHECKING:
    from servery.ports import (
        Clock,
        DeadJobs,
        Deployments,
        Documents,
        JobEvents,
        JobQueue,
        JobStore,
        ModelServers,
    )
    from servery.usecases.jobs.asking import Asked, Reply
    from servery.usecases.jobs.grouping import Loaded

Refuse = Callable[[Exception, str], tuple[int, str]]
"""The status and the problem document for an error and the id of a request."""

_OK, _REDIRECT, _CALLER_ERROR, _SERVER_ERROR = 200, 300, 400, 500
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPorts:
    """What a worker works with; `refuse` makes the problem document of an error."""

    store: JobStore
    documents: Documents
    deployments: Deployments
    servers: ModelServers
    dead: DeadJobs
    events: JobEvents
    callbacks: JobQueue
    clock: Clock
    refuse: Refuse


class Settling:
    """Settles jobs, each for itself: what cannot be written down is left to a sweep.

    Where somebody else was quicker, since the lease had passed, nothing is written or noted.

    Args:
        ports: What is worked with.
        worked: What becomes of the jobs is noted there.
    """

    def __init__(self, ports: WorkPorts, worked: Worked) -> None:
        self._ports = ports
        self._worked = worked

    def reply(self, loaded: Loaded, reply: Reply, asked: Asked, latency_ms: float) -> None:
        """A model server has said something: an answer and a refusal end the job."""
        job = loaded.job
        told = Ended(
            job=job,
            body=loaded.body,
            answer=reply.body,
            latency_ms=latency_ms,
            deployment=asked.deployment,
            served=asked.served,
            rows=reply.rows,
            model_ms=reply.model_ms,
            degraded=reply.degraded,
        )
        ending = Ending(
            state=JobState.FAILED,
            status=reply.status,
            model_version=reply.model_version,
            reason=reply.reason or f"the model server answered {reply.status}",
        )
        if _OK <= reply.status < _REDIRECT:
            done = msgspec.structs.replace(ending, state=JobState.DONE, reason="")
            self._end(job, done, told)
        elif _CALLER_ERROR <= reply.status < _SERVER_ERROR and reply.status not in _LATER:
            self._end(job, ending, told)
        elif job.tries < MAX_TRIES:
            self.again(job, ending.reason)
        else:
            self._give_up(job, ending, told)

    def refuse(self, loaded: Loaded, error: Exception) -> None:
        """Nobody can be asked for this request, now or later."""
        self._end(loaded.job, *self._refusal(loaded, error))

    def failure(self, loaded: Loaded, error: Exception) -> None:
        """Asking failed, which may be the doing of this job."""
        if loaded.job.tries < MAX_TRIES:
            self.again(loaded.job, sentence(error))
        else:
            self._give_up(loaded.job, *self._refusal(loaded, error))

    def close(self, job: Job, ending: Ending) -> None:
        """End a job that nobody is asked for any more."""
        told = Ended(job=job, error="LostError" if ending.state is JobState.FAILED else "")
        if ending.state is JobState.FAILED:
            self._give_up(job, ending, told)
        else:
            self._end(job, ending, told)

    def again(self, job: Job, reason: str, *, seconds: float = 0.0, tried: bool = True) -> None:
        """The job waits for another try.

        Args:
            job: As it was claimed.
            reason: Why.
            seconds: How long; longer with every try where it is not given.
            tried: Whether this one counts.
        """
        seconds = seconds or PAUSE_BASE**job.tries
        now = self._ports.clock.now().timestamp()
        released = release(job, now=now, seconds=seconds, reason=reason, tried=tried)
        with self._sparing_neighbours(job):
            write(released, self._ports.store)
            self._worked.back[job.id] = seconds
            self._worked.again.append(released)

    def _give_up(self, job: Job, ending: Ending, told: Ended) -> None:
        """The job has failed for good.

        It is laid aside first. To die before the record says so leaves a job that a sweep ends
        and lays aside once more; the other way round it could be in no queue at all.
        """
        with self._sparing_neighbours(job):
            self._ports.dead.add(job.id, ending.reason)
            self._write(job, ending, told)

    def _end(self, job: Job, ending: Ending, told: Ended) -> None:
        with self._sparing_neighbours(job):
            self._write(job, ending, told)

    def _write(self, job: Job, ending: Ending, told: Ended) -> None:
        result, key = keep_result(job.id, told.answer.encode(), self._ports.documents)
        ending = msgspec.structs.replace(ending, result=result, result_key=key)
        over = ended(job, ending, self._ports.clock.now())
        write(over, self._ports.store)
        self._worked.ended.append(replace(told, job=over))

    def _refusal(self, loaded: Loaded, error: Exception) -> tuple[Ending, Ended]:
        status, problem = self._ports.refuse(error, loaded.job.request_id)
        ending = Ending(state=JobState.FAILED, status=status, reason=sentence(error))
        name = type(error).__name__
        return ending, Ended(job=loaded.job, body=loaded.body, answer=problem, error=name)

    @contextmanager
    def _sparing_neighbours(self, job: Job) -> Iterator[None]:
        try:
            yield
        except (ConflictError, NotFoundError):
            pass
        except Exception as error:
            self._worked.errors.append((job.id, error))


def sentence(error: Exception) -> str:
    """What can be told of an error; only that of our own has no values in it."""
    return str(error) if isinstance(error, ServeryError) else "something is broken on our side"
