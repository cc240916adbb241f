"""A release under way over HTTP: approved, declined, stopped, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.api_calls import Reply, call
from fakes.clock import SetClock
from fakes.records import a_deployment
from fakes.registry import MemoryRegistry
from fakes.releases import MemoryExecutions, MemorySignals
from servery.domain.release_evidence import ApprovalRecord
from servery.domain.release_records import ReleaseKind, ReleaseRecord, ReleaseState
from servery.domain.releases import release_lease
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.registry_releases import ReleasesApi
from servery.edge.telemetry import Telemetry

HERE = "/models/iris/releases/r1"


class Office:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.registry = MemoryRegistry(self.clock)
        self.signals = MemorySignals()
        self.executions = MemoryExecutions()
        room = ReleasesApi(self.registry, self.signals, self.executions, self.clock)
        self.api = Api("registry", room.calls(), cors=Cors(""), telemetry=Telemetry("registry"))
        self.registry.put_deployment(a_deployment())

    def waits(self, state: ReleaseState = ReleaseState.WAITING, **changes: object) -> None:
        """Have a release of iris, as a rule one that waits for a person."""
        now = self.clock.now()
        approval = ApprovalRecord(
            why=["the first release"],
            asked=now.isoformat(),
            until=(now + timedelta(hours=72)).isoformat(),
        )
        values = {
            "id": "r1",
            "model": "iris",
            "kind": ReleaseKind.RELEASE,
            "state": state,
            "approval": approval,
            "execution": "execution-1",
            "started": now.isoformat(),
        }
        self.registry.take_lease(release_lease("iris"), "r1", seconds=900)
        self.registry.put_release(ReleaseRecord(**(values | changes)))
        self.signals.keep_token("iris", "r1", "token-1")
        self.executions.running.add("execution-1")

    def post(self, path: str, body: object = None, **headers: str) -> Reply:
        sent = {"content-type": "application/json", **headers}
        return call(self.api, "POST", path, body, sent)


@pytest.fixture
def office():
    return Office()


class TestApproval:
    @pytest.mark.parametrize(("approve", "decision"), [(True, "approved"), (False, "declined")])
    def test_answer_is_recorded_and_the_release_goes_on(self, office, approve, decision):
        office.waits()
        body = {"approve": approve, "comment": "looked at it"}
        status, _, record = office.post(f"{HERE}/approval", body)
        approval = record["approval"]
        assert (status, approval["decision"], approval["comment"]) == (
            200,
            decision,
            "looked at it",
        )
        assert [token for token, _ in office.executions.told] == ["token-1"]
        assert "token-1" not in str(record)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "approve"),
            ({"approve": "yes"}, "approve"),
            ({"approve": True, "comment": "x" * 501}, "comment"),
            ({"approve": True, "why": "?"}, "why"),
        ],
    )
    def test_field_is_named_when_the_answer_does_not_fit(self, office, body, field):
        office.waits()
        status, _, problem = office.post(f"{HERE}/approval", body)
        assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])

    def test_refused_when_it_waits_for_nobody(self, office):
        office.waits(ReleaseState.RUNNING)
        status, _, problem = office.post(f"{HERE}/approval", {"approve": True})
        assert (status, "waits for nobody" in problem["detail"]) == (409, True)

    def test_refused_when_somebody_has_said_otherwise(self, office):
        office.waits()
        office.post(f"{HERE}/approval", {"approve": False})
        office.clock.advance(60)
        assert office.post(f"{HERE}/approval", {"approve": True}).status == 409

    def test_not_found_when_there_is_no_such_release(self, office):
        assert office.post(f"{HERE}/approval", {"approve": True}).status == 404

    def test_query_is_refused(self, office):
        office.waits()
        assert office.post(f"{HERE}/approval?approve=true", {"approve": True}).status == 422


class TestAbort:
    def test_release_is_asked_to_stop_when_it_goes_on(self, office):
        office.waits(ReleaseState.RUNNING)
        status, _, record = office.post(f"{HERE}/abort", {"reason": "wrong data"})
        assert (status, record["id"]) == (200, "r1")
        assert office.signals.abort_reason("iris", "r1") == "wrong data"

    def test_a_reason_is_not_needed(self, office):
        office.waits(ReleaseState.RUNNING)
        assert office.post(f"{HERE}/abort").status == 200

    def test_refused_when_it_has_ended(self, office):
        office.waits(ReleaseState.SUCCEEDED)
        status, _, problem = office.post(f"{HERE}/abort")
        assert (status, "has ended" in problem["detail"]) == (409, True)

    def test_not_found_when_there_is_no_such_release(self, office):
        assert office.post(f"{HERE}/abort").status == 404

    @pytest.mark.parametrize("body", [{"reason": 1}, {"reason": "x" * 501}, {"why": "?"}])
    def test_refused_when_the_body_does_not_fit(self, office, body):
        office.waits(ReleaseState.RUNNING)
        assert office.post(f"{HERE}/abort", body).status == 422
