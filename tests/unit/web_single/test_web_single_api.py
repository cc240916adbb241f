"""The web single over HTTP: the same answers and the same refusals as the gateway's."""

from __future__ import annotations

import json

import pytest
from fakes.api_calls import call
from fakes.flower_model import FLOWER
from fakes.prediction_log import MemoryPredictionLog
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.telemetry import Telemetry
from servery.edge.web_single import WebSingleApi
from servery.usecases.monitoring import Recorder
from servery.usecases.web_single import FRESH_SECONDS

ONE, TWO = "1.1.0-dabc1234.sdef5678", "2.1.0-dabc1234.sdef5678"
ORIGIN = "https://page.example.org"


class Client:
    """Sends proxy events."""

    def __init__(self, house) -> None:
        self.log = MemoryPredictionLog()
        web = WebSingleApi(house.web, Recorder(self.log, house.clock))
        calls = {
            "web_model": lambda request, _: web.model(api_url=""),
            "web_predict": web.predict,
        }
        self._api = Api("web_single", calls, cors=Cors(ORIGIN), telemetry=Telemetry("web_single"))

    def ask(self, method, path, body=None, **headers):
        reply = call(self._api, method, path, body, headers, requestContext={"requestId": "r-1"})
        return reply.status, reply.body, reply.headers

    def predict(self, body, **headers):
        return self.ask("POST", "/web/predict", body, **headers)


@pytest.fixture
def client(house):
    return Client(house)


def test_records_are_answered_when_they_fit(house, client):
    house.release(ONE)

    status, answer, headers = client.predict({"id": "a", "records": [FLOWER, FLOWER]})

    assert status == 200
    assert answer["predictions"][0]["class"] == "setosa"
    assert sum(answer["predictions"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert len(answer["predictions"]) == 2
    assert {k: answer[k] for k in ("id", "model", "model_version", "request_id", "served_by")} == {
        "id": "a",
        "model": "iris",
        "model_version": ONE,
        "request_id": "r-1",
        "served_by": "web_single",
    }
    assert "degraded" not in answer
    assert headers["x-model-version"] == ONE
    assert headers["x-request-id"] == "r-1"


def test_tensors_are_answered_when_they_fit(house, client):
    house.release(ONE)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}

    status, answer, _ = client.predict({"inputs": [tensor]})

    assert (status, answer["model_version"]) == (200, ONE)
    assert answer["outputs"][0]["data"] == ["setosa"]


def test_next_model_answers_with_its_own_codec_when_it_is_swapped_in(house, client):
    house.release(ONE)
    client.predict({"records": [FLOWER]})
    house.release(TWO, favourite="virginica")
    house.clock.advance(10)

    _, answer, _ = client.predict({"records": [FLOWER]})

    assert answer["predictions"][0]["class"] == "virginica"
    assert answer["predictions"][0]["model_version"] == answer["model_version"] == TWO


def test_answer_says_degraded_when_an_older_model_stands_in(house, client):
    house.release(ONE)
    client.predict({"records": [FLOWER]})
    house.release(TWO, broken=True)
    house.clock.advance(10)

    status, answer, _ = client.predict({"records": [FLOWER]})

    assert (status, answer["model_version"], answer["degraded"]) == (200, ONE, True)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("{", 400, None),
        ("", 400, None),
        ({"records": []}, 422, "records"),
        ({"records": [{**FLOWER, "petal_width": 99}]}, 422, "records[0].petal_width"),
        ({"records": [{**FLOWER, "petal_width": "wide"}]}, 422, "records[0].petal_width"),
        ({"records": [FLOWER, {**FLOWER, "colour": 1}]}, 422, "records[1].colour"),
        ({"records": [FLOWER] * 101}, 413, None),
    ],
    ids=["bad JSON", "no body", "empty", "out of range", "wrong type", "unknown", "too many"],
)
def test_body_is_refused_with_its_field_when_it_does_not_fit(house, client, body, status, field):
    house.release(ONE)

    found, problem, headers = client.predict(body)

    assert found == problem["status"] == status
    assert headers["content-type"] == "application/problem+json"
    assert problem["instance"].endswith("r-1")
    if field:
        assert field in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/web/predict", {"content_type": "text/csv"}, 415),
        ("GET", "/web/predict", {}, 405),
        ("POST", "/web/model", {}, 405),
        ("GET", "/web/nothing", {}, 404),
        ("GET", "/static/../app.py", {}, 404),
    ],
)
def test_request_is_refused_as_problem_when_route_or_type_is_wrong(
    house, client, method, path, headers, status
):
    house.release(ONE)

    found, problem, answered = client.ask(method, path, "{}", **headers)

    assert (found, problem["status"]) == (status, status)
    assert answered["content-type"] == "application/problem+json"
    assert ("allow" in answered) == (status == 405)


def test_predict_is_not_found_when_nothing_is_released(client):
    status, problem, _ = client.predict({"records": [FLOWER]})

    assert (status, problem["title"]) == (404, "Not Found")


def test_fault_tells_nothing_inside_when_the_artifact_is_missing(house, client):
    house.release(ONE, broken=True)

    status, problem, _ = client.predict({"records": [FLOWER]})

    assert status == 500
    assert "model.onnx" not in json.dumps(problem)


def test_model_is_described_when_the_page_asks(house, client):
    house.release(ONE)

    status, told, _ = client.ask("GET", "/web/model")

    assert (status, told["released"], told["model_version"]) == (200, True, ONE)
    assert told["inputs"][0] == {
        "name": "sepal_length",
        "dtype": "float",
        "unit": "cm",
        "minimum": 0.0,
        "maximum": 10.0,
        "categories": None,
        "nullable": False,
        "description": "",
        "example": None,
    }
    assert told["output"]["classes"] == ["setosa", "versicolor", "virginica"]


def test_page_is_told_what_to_run_when_nothing_is_released(client):
    status, told, _ = client.ask("GET", "/web/model")

    assert (status, told["released"]) == (200, False)
    assert told["commands"] == ["servery train iris", "servery release iris"]


def test_request_is_logged_when_it_is_answered(house, client):
    house.release(ONE)
    client.predict({"records": [FLOWER]})

    [entry] = client.log.entries

    assert (entry["model"], entry["model_version"], entry["route"]) == ("iris", ONE, "web_single")
    assert (entry["status"], entry["rows"], entry["training"]) == (200, 1, "tr0")
    assert entry["input"] == {"records": [FLOWER]}
    assert entry["output"]["predictions"][0]["class"] == "setosa"


def test_refusal_is_logged_without_its_input_when_the_body_does_not_fit(house, client):
    house.release(ONE)
    client.predict({"records": [{**FLOWER, "petal_width": 99}]})

    [entry] = client.log.entries

    assert (entry["status"], entry["rows"], entry["input"]) == (422, 0, None)
    assert entry["error"] == "InvalidInputError"


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), ("https://evil.example", False)])
def test_origin_is_told_when_it_is_in_the_list(house, client, origin, allowed):
    status, _, headers = client.ask("OPTIONS", "/web/predict", origin=origin)

    assert status == 204
    assert ("access-control-allow-origin" in headers) is allowed


def test_422_with_the_ways_out_when_the_model_is_too_much_for_who_waits(house, client):
    house.release(ONE)
    house.change_champion(p99_ms=41.0, allowed_ms=20.0)

    status, problem, _ = client.predict({"records": [FLOWER]})

    assert (status, problem["type"]) == (422, "urn:servery:problem:online-budget")
    assert "one row takes 41 ms (p99), allowed are 20 ms" in problem["detail"]
    assert problem["routes"]["jobs"] == "/v2/models/iris/jobs"


def test_model_answers_again_when_its_budget_is_raised(house, client):
    house.release(ONE)
    house.change_champion(p99_ms=41.0, allowed_ms=20.0)
    client.predict({"records": [FLOWER]})
    house.change_champion(p99_ms=41.0, allowed_ms=41.0)
    house.clock.advance(FRESH_SECONDS)

    assert client.predict({"records": [FLOWER]})[0] == 200


def test_503_in_seconds_when_it_is_switched_off_and_answers_when_it_is_on_again(house, client):
    house.release(ONE)
    assert client.predict({"records": [FLOWER]})[0] == 200

    house.switch(active=False)
    house.clock.advance(FRESH_SECONDS)
    status, problem, headers = client.predict({"records": [FLOWER]})

    assert (status, problem["detail"]) == (503, "iris is switched off at the moment")
    assert headers["retry-after"] == "7"
    house.switch(active=True)
    house.clock.advance(FRESH_SECONDS)
    assert client.predict({"records": [FLOWER]})[0] == 200
