"""The gateway's use case: who is asked, how, and what becomes of every kind of answer."""

from __future__ import annotations

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers, echo
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Served
from servery.domain.serving import Limits
from servery.errors import (
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    NotFoundError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from servery.usecases.gateway import Ask, Gateway

CHAMPION = "1.1.0-dabc1234.sdef5678"
LAST_GOOD = "1.0.0-dabc1234.sdef5678"
NEXT = "2.0.0-dabc1234.sdef5678"
BODY = '{"records":[{"sepal_length":5.1}]}'


def served(version: str, number: int) -> Served:
    return Served(ref=a_ref(version), server=a_server(number))


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def registry():
    registry = MemoryRegistry()
    registry.put_deployment(
        a_deployment(champion=served(CHAMPION, 2), last_good=served(LAST_GOOD, 1), deadline_ms=3000)
    )
    return registry


@pytest.fixture
def servers():
    return FakeModelServers()


@pytest.fixture
def gateway(registry, servers, clock):
    return Gateway(KeptDeployments(registry, clock), servers, clock)


def ask(**changes) -> Ask:
    values = {"body": BODY, "base64": False, "size": len(BODY), "request_id": "r", "seconds": 29.0}
    return Ask(**(values | changes))


def infer(gateway, version=None, **changes):
    return gateway.infer(gateway.locate("iris", version), ask(**changes))


class TestWho:
    def test_champion_is_asked_when_no_version_is_named(self, gateway, servers):
        assert infer(gateway).model_version == CHAMPION
        asked = servers.asked[0]
        assert asked.server.function == "predictor:2"
        assert (asked.event["route"], asked.event["cache"]) == ("champion", "off")
        assert "exact" not in asked.event

    @pytest.mark.parametrize(("version", "number"), [(CHAMPION, 2), (LAST_GOOD, 1)])
    def test_exactly_that_version_is_asked_when_it_is_named(
        self, gateway, servers, version, number
    ):
        infer(gateway, version)
        asked = servers.asked[0]
        assert asked.server.function == f"predictor:{number}"
        assert asked.event["exact"] is True
        assert asked.event["ref"]["version"] == version

    def test_nobody_is_asked_when_the_version_is_not_served(self, gateway, servers):
        with pytest.raises(NotFoundError, match=CHAMPION):
            gateway.locate("iris", "9.9.9-a.b")
        assert servers.asked == []

    def test_whole_reference_goes_along_so_that_the_server_can_load_it(self, gateway, servers):
        infer(gateway)
        assert servers.asked[0].event["ref"] == msgspec.to_builtins(a_ref(CHAMPION))


class TestBody:
    @pytest.mark.parametrize("body", [BODY, "", "no json", '{"a": "é\\n\u2028"}', "\x00"])
    def test_text_is_passed_on_as_it_is_when_nobody_has_looked_at_it(self, gateway, servers, body):
        infer(gateway, body=body)
        assert servers.asked[0].event.get("body", "") == body

    def test_base64_is_passed_on_as_base64(self, gateway, servers):
        infer(gateway, body="e30=", base64=True)
        assert servers.asked[0].event["base64"] is True

    def test_it_is_refused_when_it_is_larger_than_the_model_takes(self, gateway, servers, registry):
        registry.put_deployment(
            a_deployment(2, champion=served(CHAMPION, 2), limits=Limits(max_body_kb=1))
        )
        infer(gateway, size=1000)
        with pytest.raises(TooLargeError, match="1000"):
            infer(gateway, size=1001)
        assert len(servers.asked) == 1

    def test_it_is_refused_when_it_is_no_text(self, gateway):
        with pytest.raises(MalformedError):
            infer(gateway, body="\ud800")


class TestAnswer:
    def test_body_is_passed_back_as_it_is(self, gateway, servers):
        servers.answer = lambda event: {**echo(event), "body": '{"odd":  1}', "degraded": True}
        prediction = infer(gateway)
        assert prediction.body == '{"odd":  1}'
        assert prediction.degraded

    @pytest.mark.parametrize("status", [400, 413, 422, 503])
    def test_refusal_is_an_answer_when_the_server_refuses(self, gateway, servers, status):
        servers.answer = lambda event: {"status": status, "body": "{}"}
        prediction = infer(gateway)
        assert (prediction.status, prediction.model_version) == (status, CHAMPION)

    @pytest.mark.parametrize("error", [ModelServerError("crash"), ThrottledError("later")])
    def test_error_is_told_when_the_server_cannot_answer(self, gateway, servers, error):
        servers.answer = lambda event: error
        with pytest.raises(type(error)):
            infer(gateway)
        assert len(servers.asked) == 1

    @pytest.mark.parametrize("reply", [{}, {"status": "200"}, []])
    def test_fault_when_the_server_answers_nonsense(self, gateway, servers, reply):
        servers.answer = lambda event: reply
        with pytest.raises(ModelServerError):
            infer(gateway)

    def test_it_is_refused_when_it_would_not_fit_through_lambda(self, gateway, servers):
        servers.answer = lambda event: {**echo(event), "body": "x" * 6 * 1024 * 1024}
        with pytest.raises(TooLargeError):
            infer(gateway)


class TestDeadline:
    def test_deployments_deadline_is_given_when_there_is_time(self, gateway, servers):
        infer(gateway)
        assert servers.asked[0].timeout == 3.0

    def test_less_is_given_when_the_function_has_less_left(self, gateway, servers):
        infer(gateway, seconds=2.0)
        assert servers.asked[0].timeout == 1.5

    def test_gateway_is_named_when_no_time_is_left(self, gateway, servers):
        with pytest.raises(DeadlineExceededError) as raised:
            infer(gateway, seconds=0.5)
        assert raised.value.hop == "gateway"
        assert servers.asked == []

    def test_model_server_is_named_when_it_is_slow(self, gateway, servers):
        servers.answer = lambda event: DeadlineExceededError("model server", 3)
        with pytest.raises(DeadlineExceededError, match="model server"):
            infer(gateway)


class TestRecordThatMovedOn:
    @pytest.fixture
    def released(self, gateway, registry):
        """The gateway has read the record just before a release."""
        infer(gateway)
        registry.put_deployment(
            a_deployment(2, champion=served(NEXT, 3), last_good=served(CHAMPION, 2))
        )

    def test_next_champion_answers_when_the_old_server_is_gone(self, gateway, servers, released):
        servers.gone.add("predictor:2")
        assert infer(gateway).model_version == NEXT

    def test_next_champion_answers_when_the_old_server_holds_another_model(
        self, gateway, servers, released
    ):
        servers.by_function["predictor:2"] = lambda event: {
            "status": 409,
            "mismatch": True,
            "body": "{}",
        }
        assert infer(gateway).model_version == NEXT

    def test_time_is_not_given_twice_when_another_server_is_asked(
        self, gateway, servers, clock, released
    ):
        def slow(event):
            clock.advance(1)
            return UnavailableError("gone")

        servers.by_function["predictor:2"] = slow
        infer(gateway, seconds=2.5)
        assert servers.asked[-1].timeout == 1.0

    def test_version_is_not_exchanged_when_it_was_named(self, gateway, servers, released):
        servers.gone.add("predictor:2")
        with pytest.raises(UnavailableError):
            infer(gateway, CHAMPION)

    def test_error_is_told_when_the_record_is_still_the_same(self, gateway, servers):
        servers.gone.add("predictor:2")
        with pytest.raises(UnavailableError):
            infer(gateway)
        assert len(servers.asked) == 1

    def test_fault_when_the_right_server_holds_another_model(self, gateway, servers):
        servers.answer = lambda event: {"status": 409, "mismatch": True, "body": "{}"}
        with pytest.raises(ModelServerError):
            infer(gateway)


class TestMetadata:
    def test_served_versions_are_listed_champion_first(self, gateway):
        document = gateway.metadata(gateway.locate("iris"), request_id="r", seconds=9)
        assert document["versions"] == [CHAMPION, LAST_GOOD]
        assert document["platform"] == "onnx"

    def test_unavailable_when_the_server_has_no_model(self, gateway, servers):
        servers.answer = lambda event: {"status": 503, "reason": "it cannot be loaded"}
        with pytest.raises(UnavailableError, match="loaded"):
            gateway.metadata(gateway.locate("iris"), request_id="r", seconds=9)


class TestReady:
    def test_ready_when_the_server_says_so(self, gateway):
        ready = gateway.ready(gateway.locate("iris"), request_id="r", seconds=9)
        assert (ready.ready, ready.model_version) == (True, CHAMPION)

    @pytest.mark.parametrize("status", [200, 503])
    def test_unavailable_with_the_reason_when_it_is_not(self, gateway, servers, status):
        servers.answer = lambda event: {"status": status, "ready": False, "reason": "other answer"}
        with pytest.raises(UnavailableError, match="other answer") as raised:
            gateway.ready(gateway.locate("iris"), request_id="r", seconds=9)
        assert raised.value.retry_after > 0


def test_readiness_of_the_server_is_that_of_the_registry(gateway):
    gateway.check()
