"""Events in, answers out: routing, preflight, problem documents, one line of metrics each."""

from __future__ import annotations

import json

import pytest
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Answer
from servery.edge.telemetry import Telemetry
from servery.errors import ConflictError, DeadlineExceededError, FaultError, ThrottledError

PAGE = "https://page.example"
SECRET = "what-the-caller-sent"


@pytest.fixture
def calls():
    return {}


@pytest.fixture
def serve(calls):
    api = Api("gateway", calls, cors=Cors(PAGE), telemetry=Telemetry("gateway"))

    def send(method="GET", path="/v2", **event):
        headers = {"Origin": PAGE, "x-request-id": "r-1"}
        response = api.serve({"httpMethod": method, "path": path, "headers": headers, **event})
        body = json.loads(response["body"]) if response["body"] else None
        return response["statusCode"], response["headers"], body

    return send


def raising(error):
    def call(request, parameters):
        raise error

    return call


def line(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


class TestRouting:
    def test_call_gets_the_parameters_when_the_path_has_them(self, serve, calls):
        calls["version_infer"] = lambda request, parameters: Answer(body=parameters)
        path = "/v2/models/iris/versions/1.0.0-a%2Bb/infer"
        assert serve("POST", path)[2] == {"model": "iris", "version": "1.0.0-a+b"}

    def test_api_gateways_match_is_taken_when_a_domain_has_a_base_path(self, serve, calls):
        calls["model_metadata"] = lambda request, parameters: Answer(body=parameters)
        status, _, body = serve(
            path="/base/v2/models/iris",
            resource="/v2/models/{model}",
            pathParameters={"model": "iris"},
        )
        assert (status, body) == (200, {"model": "iris"})

    @pytest.mark.parametrize("path", ["/", "/v3", "/v2/models", "/v2/models//infer", "/models"])
    def test_404_when_there_is_no_such_path(self, serve, path):
        status, headers, body = serve(path=path)
        assert status == 404
        assert headers["content-type"] == "application/problem+json"
        assert body["instance"].endswith(":r-1")

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "TRACE"])
    def test_405_names_the_methods_when_the_path_has_others(self, serve, method):
        status, headers, _ = serve(method, "/v2/models/iris/infer")
        assert status == 405
        assert headers["allow"] == "POST, OPTIONS"


class TestPreflight:
    def test_204_with_the_methods_of_the_path_when_the_origin_is_listed(self, serve):
        status, headers, body = serve("OPTIONS", "/v2/models/iris/infer")
        assert (status, body) == (204, None)
        assert headers["access-control-allow-origin"] == PAGE
        assert headers["access-control-allow-methods"] == "POST, OPTIONS"

    def test_no_permission_when_the_origin_is_not_listed(self, serve):
        status, headers, _ = serve("OPTIONS", "/v2", headers={"Origin": "https://evil.example"})
        assert status == 204
        assert not [name for name in headers if name.startswith("access-control")]

    def test_404_when_there_is_no_such_path(self, serve):
        assert serve("OPTIONS", "/v9")[0] == 404


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status", "header"),
        [
            (ConflictError("no"), 409, None),
            (ThrottledError("later", retry_after=3), 429, ("retry-after", "3")),
            (DeadlineExceededError("model server", 1), 504, ("retry-after", "1")),
        ],
    )
    def test_problem_document_when_a_call_refuses(self, serve, calls, error, status, header):
        calls["server"] = raising(error)
        got, headers, body = serve()
        assert (got, body["status"]) == (status, status)
        assert headers["access-control-allow-origin"] == PAGE
        if header:
            assert headers[header[0]] == header[1]

    def test_slow_hop_is_named_when_a_deadline_passed(self, serve, calls):
        calls["server"] = raising(DeadlineExceededError("model server", 1))
        assert serve()[2]["hop"] == "model server"

    @pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), FaultError(SECRET)])
    def test_nothing_is_given_away_when_something_breaks(self, serve, calls, error):
        calls["server"] = raising(error)
        status, _, body = serve()
        assert status == 500
        assert SECRET not in json.dumps(body)
        assert "r-1" in body["instance"]

    def test_log_tells_what_and_where_but_no_values_when_something_breaks(
        self, serve, calls, caplog
    ):
        calls["server"] = raising(ValueError(SECRET))
        serve()
        logged = vars(caplog.records[-1])
        assert (logged["levelname"], logged["correlation_id"]) == ("ERROR", "r-1")
        assert logged["error"] == ["ValueError"]
        assert logged["frames"][-1].endswith(" call")
        assert SECRET not in str(logged)


class TestMetrics:
    def test_one_line_in_the_embedded_format_when_a_request_is_served(self, serve, calls, capsys):
        known = {"model": "iris", "model_version": "1.0.0-a.b"}
        calls["server"] = lambda request, parameters: Answer(body={}, dimensions=known)
        serve()
        metrics = line(capsys)
        described = metrics["_aws"]["CloudWatchMetrics"][0]
        assert described["Namespace"] == "Servery"
        assert described["Dimensions"] == [["service"], ["service", "model", "model_version"]]
        for dimension in described["Dimensions"][1]:
            assert isinstance(metrics[dimension], str)
        for metric in described["Metrics"]:
            assert isinstance(metrics[metric["Name"]], int | float)
        assert (metrics["Requests"], metrics["ColdStart"]) == (1, 1)
        assert metrics["correlation_id"] == "r-1"

    def test_cold_start_is_told_once(self, serve, calls, capsys):
        calls["server"] = lambda request, parameters: Answer(body={})
        serve()
        serve()
        assert line(capsys)["ColdStart"] == 0

    @pytest.mark.parametrize(
        ("path", "client", "server"), [("/v9", 1, 0), ("/v2", 0, 1), ("/v2/health/live", 0, 0)]
    )
    def test_errors_are_counted_by_whose_they_are(self, serve, calls, capsys, path, client, server):
        calls["live"] = lambda request, parameters: Answer(body={})
        calls["server"] = raising(ValueError())
        serve(path=path)
        metrics = line(capsys)
        assert (metrics["ClientErrors"], metrics["ServerErrors"]) == (client, server)

    def test_no_value_of_the_caller_is_in_it_when_the_path_is_unknown(self, serve, capsys):
        serve(path=f"/v2/{SECRET}", body=SECRET)
        assert SECRET not in capsys.readouterr().out
