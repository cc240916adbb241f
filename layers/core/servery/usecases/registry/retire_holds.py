"""What holds a version: who may send requests to it, and what is under way with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from servery.domain.batches import BatchState
from servery.domain.graph_jobs import GraphJobState
from servery.domain.in_use import asked_by, halved, held, pinned, routed
from servery.domain.jobs import JobState
from servery.domain.release_order import current
from servery.domain.release_records import ReleaseState

if TYPE_CHECKING:
    from servery.usecases.registry.retire_ports import Owned, RetirePorts

MOST = 100
"""Of each kind that is looked at; where there are more, the first of them hold it as well."""
_UNFINISHED = (ReleaseState.RUNNING, ReleaseState.WAITING)
_RELEASES = 20


def holds(subject: Owned, ports: RetirePorts) -> list[str]:
    """Sentences on everything that wants a version; none where it may go.

    Champion and last good one, a release that is not over, policies, the other half of a pair,
    graphs, and jobs and batches that are not over. Jobs of a model go to its champion whenever
    they are tried, so none is pinned; those of a graph hold the graph as it was.
    """
    model, version = subject.record.model, subject.record.version
    deployment = current(model, ports.registry)
    return [
        *held(subject.refs, deployment),
        *_released(subject, ports),
        *routed(version, deployment),
        *halved(subject.refs, ports.registry.deployments()),
        *_graphs(model, version, ports),
        *under_way(subject, ports),
    ]


def under_way(subject: Owned, ports: RetirePorts, *, before: str = "") -> list[str]:
    """What is under way with a version, and will be over.

    Args:
        subject: The version.
        ports: What is worked with.
        before: When it was taken out: jobs that began before may be with its server still. Empty
            for none of them.
    """
    model, version = subject.record.model, subject.record.version
    batches = [
        batch
        for state in (BatchState.QUEUED, BatchState.RUNNING)
        for batch in ports.batches.page(model, state, limit=MOST, before="")
    ]
    found = pinned(version, batches)
    if before:
        now = ports.clock.now().timestamp()
        running = ports.jobs.page(model, JobState.RUNNING, limit=MOST, before="", now=now)
        early = [job.id for job in running if job.started <= before]
        found += [f"the job {early[0]} may be with it"] if early else []
    return found


def _released(subject: Owned, ports: RetirePorts) -> Iterator[str]:
    names = {subject.record.version, *(ref.version for ref in subject.refs)}
    for release in ports.registry.releases(subject.record.model, _RELEASES):
        about = {release.version, release.released_as}
        if release.state in _UNFINISHED and about & names:
            yield f"release {release.id} is about it"


def _graphs(model: str, version: str, ports: RetirePorts) -> Iterator[str]:
    for graph in ports.graphs.all():
        name = graph.spec.name
        if asked_by(model, version, graph.spec):
            yield f"the graph {name} names it"
            continue
        for listed in ports.graph_jobs.page(name, GraphJobState.OPEN, limit=MOST, before=""):
            if asked_by(model, version, ports.graph_jobs.get(listed.id).spec):
                yield f"the job {listed.id} of the graph {name} asks it"
                break
