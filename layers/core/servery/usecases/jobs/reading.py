"""Reads jobs for people: one with its result, and lists in pages."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from servery.domain.cursors import cursor_of, order_at
from servery.domain.job_ids import LENGTH
from servery.domain.jobs import JobState, order_in_state, order_of, seen
from servery.usecases.jobs.documents import result_of
from servery.usecases.jobs.views import JobList, JobView, job_view, listed_view

if TYPE_CHECKING:
    from servery.ports import Clock, Deployments, Documents, JobStore, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPorts:
    """What reading works with.

    Attributes:
        store: Where jobs are kept.
        documents: Where large results are kept.
        deployments: Who answers for which model.
        registry: Which models answer at all.
        clock: The time, by which results are gone.
    """

    store: JobStore
    documents: Documents
    deployments: Deployments
    registry: Registry
    clock: Clock


def read_job(job_id: str, ports: ReadPorts) -> JobView:
    """One job, with its result where it has one.

    Raises:
        NotFoundError: there is no such job.
    """
    job = seen(ports.store.get(job_id), now=ports.clock.now().timestamp())
    return job_view(job, result_of(job, ports.documents))


def list_jobs(
    ports: ReadPorts, *, model: str = "", state: JobState | None = None, limit: int, before: str
) -> JobList:
    """A page of jobs, newest first, without results; only the last page can be shorter than asked.

    A job stays where it is in the order, so pages do not move while new jobs arrive. In a list
    of one state, jobs whose time has passed count as expired, whatever their record says, and a
    job that was driven again counts as new.

    Args:
        ports: Where to read.
        model: Whose jobs; empty for those of every deployed model, read one after another.
        state: In which state; None for any.
        limit: How many at the most.
        before: The `next` of the page before; empty for the first.

    Raises:
        NotFoundError: there is no such model.
        InvalidInputError: `before` is no `next` of any page.
    """
    start = order_at(before, LENGTH)
    if model:
        ports.deployments.get(model)
        models = [model]
    else:
        models = [deployment.model for deployment in ports.registry.deployments()]
    now = ports.clock.now().timestamp()
    pages = [
        ports.store.page(name, state, limit=limit + 1, before=start, now=now) for name in models
    ]
    place = order_of if state is None else order_in_state
    found = list(islice(merge(*pages, key=place, reverse=True), limit + 1))
    jobs = found[:limit]
    return JobList(
        jobs=[listed_view(job) for job in jobs],
        next=cursor_of(place(jobs[-1])) if len(found) > limit else "",
    )
