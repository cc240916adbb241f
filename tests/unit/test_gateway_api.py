"""The gateway over HTTP, from the event to the answer and to the line in the log."""

from __future__ import annotations

import json

import pytest
from fakes.api_calls import call
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers, echo
from fakes.prediction_log import MemoryPredictionLog
from fakes.records import a_deployment
from fakes.registry import MemoryRegistry
from msgspec.structs import replace
from servery.adapters.kept_deployments import KeptDeployments
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.telemetry import Telemetry
from servery.errors import (
    DeadlineExceededError,
    ModelServerError,
    ThrottledError,
    UnavailableError,
)
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder

VERSION = "1.1.0-dabc1234.sdef5678"
BODY = '{\n "records": [{"sepal_length": 5.1}]\r\n}'
PROBLEM = json.dumps(
    {"type": "urn:servery:problem:invalid-input", "title": "Unprocessable Entity", "status": 422}
)


class FlakyRegistry(MemoryRegistry):
    """Can be out of reach."""

    down = False

    def deployment(self, model):
        if self.down:
            raise UnavailableError("no answer")
        return super().deployment(model)


@pytest.fixture
def registry():
    registry = FlakyRegistry()
    registry.put_deployment(a_deployment())
    return registry


@pytest.fixture
def servers():
    return FakeModelServers()


@pytest.fixture
def log():
    return MemoryPredictionLog()


@pytest.fixture
def send(registry, servers, log):
    clock = SetClock()
    gateway = Gateway(KeptDeployments(registry, clock), servers, clock)
    api = Api(
        "gateway",
        GatewayApi(gateway, Recorder(log, clock)).calls(),
        cors=Cors(""),
        telemetry=Telemetry("gateway"),
    )

    def send(method, path, body="", **headers):
        return call(api, method, path, body, {"x-request-id": "r-1"} | headers)

    return send


def infer(send, path="/v2/models/iris/infer", body=BODY, **headers):
    return send("POST", path, body, **headers)


class TestServer:
    def test_live_without_asking_anybody(self, send, servers):
        assert send("GET", "/v2/health/live")[::2] == (200, {"live": True})
        assert servers.asked == []

    def test_ready_when_the_registry_answers(self, send):
        assert send("GET", "/v2/health/ready")[::2] == (200, {"ready": True})

    def test_503_with_retry_after_when_the_registry_does_not(self, send, registry):
        registry.down = True
        status, headers, _ = send("GET", "/v2/health/ready")
        assert status == 503
        assert int(headers["retry-after"]) >= 1

    def test_name_version_and_extensions_as_the_protocol_asks(self, send):
        status, _, body = send("GET", "/v2")
        assert status == 200
        assert set(body) == {"name", "version", "extensions"}


class TestModel:
    @pytest.mark.parametrize("path", ["/v2/models/iris", f"/v2/models/iris/versions/{VERSION}"])
    def test_metadata_with_the_version_in_the_header(self, send, path):
        status, headers, body = send("GET", path)
        assert status == 200
        assert headers["x-model-version"] == VERSION
        assert body["versions"] == [VERSION]

    def test_ready_with_what_the_server_has_checked(self, send):
        status, _, body = send("GET", "/v2/models/iris/ready")
        assert (status, body["name"], body["ready"]) == (200, "iris", True)
        assert body["model_version"] == VERSION

    def test_503_with_retry_after_when_it_is_not_ready(self, send, servers):
        servers.answer = lambda event: {"status": 503, "ready": False, "reason": "other answer"}
        status, headers, body = send("GET", "/v2/models/iris/ready")
        assert (status, body["detail"]) == (503, "other answer")
        assert headers["retry-after"]

    @pytest.mark.parametrize(
        "path",
        ["/v2/models/Iris", "/v2/models/nobody/ready", "/v2/models/iris/versions/9.0.0-a.b"],
    )
    def test_404_when_nobody_serves_it(self, send, servers, path):
        assert send("GET", path)[0] == 404
        assert servers.asked == []


class TestInfer:
    def test_servers_body_is_the_answer(self, send):
        status, headers, body = infer(send)
        assert status == 200
        assert body == {"predictions": [{"class": "setosa"}]}
        assert headers["x-model-version"] == VERSION
        assert headers["x-request-id"] == "r-1"
        assert headers["content-type"] == "application/json"

    def test_version_that_stood_in_is_named_when_the_answer_is_degraded(self, send, servers, log):
        older = "1.0.0-dabc1234.sdef5678"
        servers.answer = lambda event: {**echo(event), "model_version": older, "degraded": True}
        assert infer(send)[1]["x-model-version"] == older
        assert (log.entries[0]["model_version"], log.entries[0]["degraded"]) == (older, True)

    def test_servers_problem_is_the_answer_when_it_refuses(self, send, servers):
        servers.answer = lambda event: {"status": 422, "body": PROBLEM}
        status, headers, body = infer(send)
        assert (status, body) == (422, json.loads(PROBLEM))
        assert headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        ("error", "status", "retry"),
        [
            (DeadlineExceededError("model server", 10), 504, True),
            (ThrottledError("busy"), 429, True),
            (UnavailableError("gone"), 503, True),
            (ModelServerError("crash"), 500, False),
        ],
    )
    def test_problem_when_the_server_cannot_answer(self, send, servers, error, status, retry):
        servers.answer = lambda event: error
        got, headers, body = infer(send)
        assert (got, body["status"]) == (status, status)
        assert ("retry-after" in headers) is retry

    @pytest.mark.parametrize(
        "headers",
        [
            {"content_type": "text/csv"},
            {"content_encoding": "gzip"},
            {"inference_header_content_length": "9"},
        ],
    )
    def test_415_before_anything_is_looked_up(self, send, servers, headers):
        assert infer(send, **headers)[0] == 415
        assert servers.asked == []

    def test_413_when_the_body_is_too_large(self, send):
        assert infer(send, body="x" * 5_000_001)[0] == 413

    def test_metrics_name_the_model_only_when_there_is_one(self, send, capsys):
        infer(send)
        infer(send, path="/v2/models/made-up/infer")
        known, unknown = (json.loads(text) for text in capsys.readouterr().out.splitlines())
        assert (known["model"], known["model_version"]) == ("iris", VERSION)
        assert "made-up" not in json.dumps(unknown)


class TestLog:
    def test_question_and_answer_are_logged_on_one_line_when_it_was_answered(self, send, log):
        infer(send)
        assert b"\n" not in log.lines[0]
        assert b"\r" not in log.lines[0]
        entry = log.entries[0]
        assert entry["input"] == json.loads(BODY)
        assert entry["output"] == {"predictions": [{"class": "setosa"}]}
        expected = {
            "schema": 2,
            "hashed": [],
            "omitted": [],
            "request_id": "r-1",
            "time": "2026-03-01T12:00:00.000Z",
            "day": "2026-03-01",
            "model": "iris",
            "model_version": VERSION,
            "training": "tr0",
            "route": "champion",
            "cache": "off",
            "status": 200,
            "rows": 1,
            "model_ms": 0.5,
            "error": "",
            "code": "code-1",
        }
        assert {key: entry[key] for key in expected} == expected
        assert entry["latency_ms"] > 0

    def test_input_is_left_out_when_nobody_found_it_to_be_json(self, send, servers, log):
        servers.answer = lambda event: {"status": 400, "body": PROBLEM}
        infer(send, body='"}{')
        entry = log.entries[0]
        assert (entry["input"], entry["malformed"]) == (None, True)
        assert entry["error"] == "InvalidInputError"
        assert entry["output"] == json.loads(PROBLEM)

    def test_failure_is_logged_when_the_server_crashed(self, send, servers, log):
        servers.answer = lambda event: ModelServerError("crash")
        infer(send)
        entry = log.entries[0]
        assert (entry["status"], entry["error"], entry["model"]) == (
            500,
            "ModelServerError",
            "iris",
        )

    def test_made_up_model_makes_no_partition_when_it_is_logged(self, send, log):
        infer(send, path="/v2/models/made-up/infer")
        assert log.entries[0]["model"] == "unknown"

    def test_answers_are_left_out_and_failures_are_not_when_the_sample_is_empty(
        self, send, servers, log, registry
    ):
        registry.put_deployment(a_deployment(2, log_sample=0.0))
        infer(send)
        assert log.lines == []
        servers.answer = lambda event: {"status": 422, "body": PROBLEM}
        infer(send)
        assert len(log.lines) == 1

    def test_input_is_left_out_when_a_feature_is_personal(self, send, log, registry):
        before = a_deployment(2)
        personal = replace(before.champion, unlogged=["input"])
        registry.put_deployment(replace(before, champion=personal))
        infer(send)
        assert log.entries[0]["input"] is None
        assert log.entries[0]["output"] is not None

    def test_reading_is_not_logged(self, send, log):
        send("GET", "/v2/models/iris")
        assert log.lines == []
