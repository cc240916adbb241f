"""Reads jobs for people: one with its result, and lists in pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from servery.domain.jobs import Job, JobState, order_of, seen
from servery.errors import InvalidInputError, Violation
from servery.usecases.jobs.documents import result_of
from servery.usecases.jobs.views import JobList, JobView, job_view

if TYPE_CHECKING:
    from servery.ports import Clock, Deployments, Documents, JobStore, Registry

MOST_READ = 1000
"""Records that one page of a list may cost; a page that finds no more than this ends early."""
_UTC = "+00:00"
_is_cursor = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}_[0-9a-f]{26}").fullmatch


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
    """A page of jobs, newest first, without results.

    A job stays where it is in the order, so pages do not move while new jobs arrive. In a list
    of one state, jobs whose time has passed count as expired, whatever their record says. Since
    they are found by reading, a page can be shorter than asked for and still name a `next`.

    Args:
        ports: Where to read.
        model: Whose jobs; empty for those of every deployed model.
        state: In which state; None for any.
        limit: How many at the most.
        before: The `next` of the page before; empty for the first.

    Raises:
        NotFoundError: there is no such model.
        InvalidInputError: `before` is no `next` of any page.
    """
    start = _order(before) if before else ""
    if model:
        ports.deployments.get(model)
        models = [model]
    else:
        models = [deployment.model for deployment in ports.registry.deployments()]
    streams = [_stream(ports.store, name, state, limit, start) for name in models]
    now = ports.clock.now().timestamp()
    found: list[Job] = []
    last = start
    newest_first = merge(*streams, key=order_of, reverse=True)
    for job in islice(newest_first, MOST_READ):
        shown = seen(job, now=now)
        if state in (None, shown.state):
            if len(found) == limit:
                return _page(found, order_of(found[-1]))
            found.append(shown)
        last = order_of(job)
    more = next(newest_first, None) is not None
    return _page(found, last if more else "")


def _stream(
    store: JobStore, model: str, state: JobState | None, limit: int, before: str
) -> Iterator[Job]:
    """All jobs of a model that can be in a state, newest first, read page by page.

    Those that are expired by time alone are in the index under what they were before.
    """
    indexed = None if state is JobState.EXPIRED else state
    size = limit + 1
    while True:
        page = store.page(model, indexed, limit=size, before=before)
        yield from page
        if len(page) < size:
            return
        before = order_of(page[-1])


def _page(jobs: list[Job], last: str) -> JobList:
    return JobList(jobs=[job_view(job) for job in jobs], next=_cursor(last) if last else "")


def _cursor(order: str) -> str:
    """The place of a job as text that a URL takes as it is."""
    created, _, job_id = order.partition(" ")
    return f"{created.removesuffix(_UTC)}_{job_id}"


def _order(cursor: str) -> str:
    if not _is_cursor(cursor):
        message = "is the `next` of the page before"
        raise InvalidInputError("the query is not acceptable", (Violation("before", message),))
    created, _, job_id = cursor.partition("_")
    return f"{created}{_UTC} {job_id}"
