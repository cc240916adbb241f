"""Looks at jobs whose time has come: publishes what was not published, ends and tells the rest.

Everything that a process could leave undone by dying has a time at which it is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servery.domain.graph_jobs import GraphJob, mark_sent, put_off, time_is_up
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.graph.fan_out.settling import GraphSettlePorts, Settled, settle, tell
from servery.usecases.graph.fan_out.submitting import publish_parts

if TYPE_CHECKING:
    from servery.ports import PartTopic

AT_ONCE = 50
LEAST_SECONDS = 10.0
PUT_OFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSweepPorts:
    """What a sweep works with: what ending a job does, and the topic that carries parts."""

    settling: GraphSettlePorts
    topic: PartTopic


@dataclass(slots=True)
class GraphSwept:
    """What a sweep came to.

    Attributes:
        sent: Jobs whose parts it published.
        ended: Jobs that it ended.
        told: Jobs of whose end it told.
        left: Whether its time ended before its work.
        errors: Id of a job that was put off, and why.
    """

    sent: list[str] = field(default_factory=list)
    ended: list[Settled] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    left: bool = False
    errors: list[tuple[str, Exception]] = field(default_factory=list)


def sweep(ports: GraphSweepPorts, *, seconds: Callable[[], float]) -> GraphSwept:
    """Look at every job that is due, the longest waiting first, while there is time.

    Args:
        ports: What it works with.
        seconds: How many are left.

    Raises:
        RetryableError: the store does not answer.
    """
    swept = GraphSwept()
    met: set[str] = set()
    while True:
        now = ports.settling.clock.now().timestamp()
        due = ports.settling.store.due(now, limit=AT_ONCE + len(met))
        fresh = [job_id for job_id in due if job_id not in met]
        if not fresh:  # nothing, or only what an index has not caught up with
            return swept
        for job_id in fresh:
            if seconds() < LEAST_SECONDS:
                swept.left = True
                return swept
            met.add(job_id)
            look_at(job_id, ports, swept)


def look_at(job_id: str, ports: GraphSweepPorts, swept: GraphSwept) -> None:
    """Do for a job what is due; what cannot be done now is put off.

    It leaves the front of the line to jobs that something can be done for.
    """
    store, clock = ports.settling.store, ports.settling.clock
    try:
        _do(store.get(job_id), ports, swept)
    except NotFoundError:
        return
    except Exception as error:
        swept.errors.append((job_id, error))
        with suppress(ConflictError, NotFoundError):
            job = store.get(job_id)
            if job.due is not None:
                store.put(put_off(job, clock.now().timestamp() + PUT_OFF_SECONDS))


def _do(job: GraphJob, ports: GraphSweepPorts, swept: GraphSwept) -> None:
    settling = ports.settling
    now = settling.clock.now().timestamp()
    if job.due is None or job.due > now:  # the list is a moment old
        return
    if job.state.final:
        if not job.told:
            tell(job, settling)
            swept.told.append(job.id)
        return
    if time_is_up(job, now):
        _end(job.id, settling, swept)
        return
    settle_at = job.settle_at
    if not job.sent:
        publish_parts(job, ports.topic)
        swept.sent.append(job.id)
        settle_at = max(settle_at, now + job.spec.job_wait_s)
    with suppress(ConflictError):  # it has ended meanwhile
        settling.store.put(mark_sent(job, settle_at=settle_at))


def _end(job_id: str, settling: GraphSettlePorts, swept: GraphSwept) -> None:
    settled = settle(job_id, settling)
    if settled.won:
        swept.ended.append(settled)
    elif not settled.job.state.final:
        raise UnavailableError("the job does not end")
