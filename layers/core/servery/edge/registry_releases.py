"""A release under way over HTTP: a person approves it, declines it, or has it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body
from servery.usecases.registry.aborting import AbortRequest, abort_release
from servery.usecases.registry.approving import ApprovalRequest, answer_approval

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import Clock, Registry, ReleaseExecutions, ReleaseSignals


class ReleasesApi:
    """Answers the routes that say something to a release.

    Args:
        registry: Where releases are recorded.
        signals: What is said to them.
        executions: What carries them out.
        clock: The time.
    """

    def __init__(
        self,
        registry: Registry,
        signals: ReleaseSignals,
        executions: ReleaseExecutions,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._signals = signals
        self._executions = executions
        self._clock = clock

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"answer_approval": self._approval, "abort_release": self._abort}

    def _approval(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = answer_approval(
            parameters["model"],
            parameters["release"],
            read_body(request, ApprovalRequest),
            registry=self._registry,
            signals=self._signals,
            executions=self._executions,
            clock=self._clock,
        )
        return _about(record)

    def _abort(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = abort_release(
            parameters["model"],
            parameters["release"],
            read_body(request, AbortRequest),
            registry=self._registry,
            signals=self._signals,
            executions=self._executions,
            clock=self._clock,
        )
        return _about(record)


def _about(record: ReleaseRecord) -> Answer:
    return Answer(body=record, dimensions={"model": record.model})
