"""Reads jobs of graphs for people: one with its parts and its result, and lists in pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.graph_jobs import GraphJob, GraphJobState, order_of
from servery.errors import InvalidInputError, NotFoundError, Violation
from servery.usecases.graph.fan_out.documents import answers_of, result_of
from servery.usecases.graph.fan_out.views import (
    GraphJobList,
    GraphJobView,
    job_view,
    listed_view,
)

if TYPE_CHECKING:
    from servery.ports import Clock, Documents, GraphJobStore, Graphs

_UTC = "+00:00"
_is_id = re.compile(r"[0-9a-f]{26}").fullmatch
_is_cursor = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}_[0-9a-f]{26}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphReadPorts:
    """What reading works with.

    Attributes:
        store: Where jobs are kept.
        documents: Where large texts are kept.
        graphs: The graphs at hand.
        clock: The time, by which results are gone.
    """

    store: GraphJobStore
    documents: Documents
    graphs: Graphs
    clock: Clock


def view(graph: str, job_id: str, ports: GraphReadPorts, *, answers: bool = False) -> GraphJobView:
    """One job of a graph, with what became of its parts, and its result where it has one.

    Args:
        graph: Name of the graph.
        job_id: Id of the job.
        ports: Where to read.
        answers: Whether the answer of each part is wanted too, late ones included.

    Raises:
        NotFoundError: the graph has no such job.
    """
    job = ports.store.get(job_id) if _is_id(job_id) else None
    if job is None or job.graph != graph or ports.clock.now().timestamp() >= job.expires:
        raise NotFoundError("there is no such job")
    return view_of(job, ports, answers=answers)


def view_of(job: GraphJob, ports: GraphReadPorts, *, answers: bool = False) -> GraphJobView:
    """A job that is at hand, as `view` shows it."""
    results = {result.part: result for result in ports.store.results(job.id)}
    rows = {
        part: answers_of(result, ports.documents) for part, result in results.items() if answers
    }
    return job_view(job, results, result_of(job, ports.documents), rows)


def list_jobs(
    graph: str,
    ports: GraphReadPorts,
    *,
    state: GraphJobState | None = None,
    limit: int,
    before: str,
) -> GraphJobList:
    """A page of a graph's jobs, newest first, without parts and results.

    Args:
        graph: Name of the graph.
        ports: Where to read.
        state: In which state; None for any.
        limit: How many at the most.
        before: The `next` of the page before; empty for the first.

    Raises:
        NotFoundError: there is no such graph, and there are no jobs of one.
        InvalidInputError: `before` is no `next` of any page.
    """
    start = _order(before) if before else ""
    found = ports.store.page(graph, state, limit=limit + 1, before=start)
    if not found:
        ports.graphs.get(graph)
    jobs = found[:limit]
    following = _cursor(order_of(jobs[-1])) if len(found) > limit else ""
    return GraphJobList(jobs=[listed_view(job) for job in jobs], next=following)


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
