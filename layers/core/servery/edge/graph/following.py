"""The event that a member has answered: what it sets going, and the log of it."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.edge.graph.job_log import ROUTE, SERVICE
from servery.edge.telemetry import emit, log_error
from servery.errors import MalformedError
from servery.usecases.graph.fan_out.following import (
    Followed,
    GraphFollowPorts,
    MemberEvent,
    follow,
)


class _Event(msgspec.Struct, frozen=True):
    detail: MemberEvent


class Follower:
    """Asks the graphs that answers of members set going.

    Args:
        ports: What is worked with.
    """

    def __init__(self, ports: GraphFollowPorts) -> None:
        self._ports = ports

    def serve(self, event: dict[str, Any]) -> dict[str, str]:
        """Ask the next graph, if the event asks for one; the id of the job, or why there is none.

        Raises:
            MalformedError: the event is none of ours.
            RejectedError: the next graph cannot be asked this.
            RetryableError: something is not there at the moment; nothing is accepted.
        """
        try:
            told = msgspec.convert(event, _Event).detail
        except msgspec.ValidationError as error:
            raise MalformedError("the event does not name a job and a member") from error
        try:
            followed = follow(told, self._ports)
        except Exception as error:
            emit(SERVICE, {"GraphFollowsFailed": (1, "Count")}, properties={"job": told.job})
            log_error(error, request_id=told.job, route=ROUTE)
            raise
        _tell(followed, told)
        job = followed.submitted.job.id if followed.submitted else ""
        return {"job": job, "reason": followed.reason}


def _tell(followed: Followed, told: MemberEvent) -> None:
    submitted = followed.submitted
    if submitted is None:
        emit(SERVICE, {"GraphFollowsIdle": (1, "Count")}, properties={"reason": followed.reason})
        return
    metrics: dict[str, tuple[float, str]] = {
        "GraphJobsFollowed": (int(submitted.new), "Count"),
        "GraphJobsFollowedAgain": (int(not submitted.new), "Count"),
        "GraphJobsUnsent": (int(submitted.unsent is not None), "Count"),
    }
    properties = {"job": submitted.job.id, "origin": submitted.job.origin}
    emit(SERVICE, metrics, {"model": submitted.job.graph}, properties)
    if submitted.unsent is not None:
        log_error(submitted.unsent, request_id=told.job, route=ROUTE)
