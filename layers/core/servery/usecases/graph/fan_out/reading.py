"""Reads jobs of graphs for people: one with its parts and its result, and lists in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.cursors import cursor_of, order_at
from servery.domain.graph_jobs import GraphJob, GraphJobState, order_of
from servery.domain.job_ids import LENGTH, is_job_id
from servery.errors import NotFoundError
from servery.usecases.graph.fan_out.documents import answers_of, result_of
from servery.usecases.graph.fan_out.views import (
    GraphJobList,
    GraphJobView,
    job_view,
    listed_view,
)

if TYPE_CHECKING:
    from servery.ports import Clock, Documents, GraphJobStore, Graphs


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
    job = ports.store.get(job_id) if is_job_id(job_id) else None
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
    start = order_at(before, LENGTH)
    found = ports.store.page(graph, state, limit=limit + 1, before=start)
    if not found:
        ports.graphs.get(graph)
    jobs = found[:limit]
    following = cursor_of(order_of(jobs[-1])) if len(found) > limit else ""
    return GraphJobList(jobs=[listed_view(job) for job in jobs], next=following)
