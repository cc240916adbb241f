"""Tells EventBridge what becomes of jobs of graphs; what they ask and are answered stays out of it.

The id of an event is made of what it tells, so a consumer knows one that comes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.adapters.event_bus import put_event
from servery.domain.graph_jobs import GraphJob, PartResult, fan_group, is_late

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "servery.graph"
ANSWERED = "Graph member answered"
FINISHED = "Graph job finished"


class EventBridgeGraphEvents:
    """Puts events on the default bus.

    Args:
        client: Client of EventBridge.
    """

    def __init__(self, client: EventBridgeClient) -> None:
        self._client = client

    def answered(self, job: GraphJob, result: PartResult) -> None:
        """One part of a job is in, or has failed.

        Raises:
            UnavailableError: the bus did not take it.
        """
        detail = {
            **_of(job),
            "id": f"{job.id}/{result.part}",
            "member": result.part,
            "model": result.model,
            "model_version": result.model_version,
            "state": result.state,
            "late": is_late(job, result.part),
            "tries": result.tries,
            "then": _then(job, result.part),
        }
        put_event(self._client, SOURCE, ANSWERED, detail)

    def finished(self, job: GraphJob) -> None:
        """A job has ended.

        Raises:
            UnavailableError: the bus did not take it.
        """
        detail = {
            **_of(job),
            "id": job.id,
            "state": job.state,
            "partial": job.partial,
            "missing": job.missing,
            "created": job.created,
            "finished": job.finished,
            "href": f"/v2/graphs/{job.graph}/jobs/{job.id}",
        }
        put_event(self._client, SOURCE, FINISHED, detail)


def _of(job: GraphJob) -> dict[str, Any]:
    return {
        "job": job.id,
        "graph": job.graph,
        "graph_revision": job.graph_revision,
        "request_id": job.request_id,
        "origin": job.origin,
    }


def _then(job: GraphJob, part: str) -> str:
    """The graph that the answer of a member sets going; empty for none."""
    group = fan_group(job.spec)
    members = [] if group is None else group.members
    return next((m.then.graph for m in members if m.name == part and m.then is not None), "")
