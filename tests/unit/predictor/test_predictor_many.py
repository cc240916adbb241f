"""Many requests out of one call of the model: each answer is what it would be by itself."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from fakes.touchy_models import BOMB, HOLLOW, POISON, TouchyShelf
from msgspec.structs import replace
from servery.domain.serving import Limits
from servery.edge.predictor import ModelServer
from servery.errors import FaultError
from servery.usecases.predictor import Shelf

ROW = {"width": 0.5, "kind": "a", "height": -1}
TENSORS = {
    "inputs": [
        {"name": "width", "shape": [2], "datatype": "FP32", "data": [0.5, -2]},
        {"name": "height", "shape": [2], "datatype": "FP32", "data": [-1, 0.25]},
        {"name": "kind", "shape": [2], "datatype": "BYTES", "data": ["a", "c"]},
    ],
    "id": "mine",
}


class Setup:
    def __init__(self, **manifest: Any) -> None:
        touchy = TouchyShelf(**manifest)
        self.ref, self.runtimes = touchy.ref, touchy.runtimes
        self.server = ModelServer(lambda: touchy.shelf, init_ms=1.5)

    def many(self, bodies: list[Any], **more: Any) -> dict[str, Any]:
        items = [
            {"request_id": f"r{i}", "body": b if isinstance(b, str) else json.dumps(b)}
            for i, b in enumerate(bodies)
        ]
        return self.ask({"verb": "infer_many", "route": "job", "items": items, **more})

    def alone(self, body: Any, request_id: str) -> dict[str, Any]:
        body = body if isinstance(body, str) else json.dumps(body)
        return self.ask({"verb": "infer", "route": "job", "body": body, "request_id": request_id})

    def ask(self, event: dict[str, Any]) -> dict[str, Any]:
        event = {"ref": msgspec.to_builtins(self.ref), **event}
        answer = self.server.handle(json.loads(json.dumps(event)))
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def record(width: float) -> dict[str, Any]:
    return {"records": [{**ROW, "width": width}]}


def test_model_is_called_once_when_many_are_asked_and_each_answer_is_its_own() -> None:
    setup = Setup()
    bodies = [{"records": [ROW, ROW], "id": "x"}, TENSORS, record(2), "{", {"records": []}]
    answer = setup.many(bodies)
    assert setup.runtimes[0].rows == [4, 5]  # the sample, then all rows of the good ones
    assert (answer["status"], answer["degraded"]) == (200, False)
    assert answer["model_version"] == "1.0.0-1.1"
    assert [item["status"] for item in answer["items"]] == [200, 200, 200, 400, 422]
    for index, (body, item) in enumerate(zip(bodies, answer["items"], strict=True)):
        alone = setup.alone(body, f"r{index}")
        assert json.loads(item["body"]) == json.loads(alone["body"])
        assert (item["status"], item["rows"]) == (alone["status"], alone["rows"])
        assert item["reason"] == alone.get("reason", "")
    assert json.loads(answer["items"][0]["body"])["served_by"] == "job"
    assert answer["rows"] == 5
    shares = [item["model_ms"] for item in answer["items"]]
    assert shares[0] == pytest.approx(2 * shares[2], abs=0.002)
    assert answer["model_ms"] == pytest.approx(sum(shares), abs=0.01)


@pytest.mark.parametrize(("value", "status"), [(POISON, 422), (HOLLOW, 422), (BOMB, 500)])
def test_only_the_guilty_one_is_refused_when_the_model_cannot_take_a_value(
    value: float, status: int
) -> None:
    setup = Setup()
    answer = setup.many([record(1), record(value), record(2)])
    assert [item["status"] for item in answer["items"]] == [200, status, 200]
    assert answer["items"][1]["body"] == setup.alone(record(value), "r1")["body"]
    assert "s3cret" not in json.dumps(answer)


def test_body_is_read_when_it_comes_in_base64() -> None:
    body = base64.b64encode(json.dumps(record(1)).encode()).decode()
    items = [
        {"request_id": "a", "body": body, "base64": True},
        {"request_id": "b", "body": "%", "base64": True},
    ]
    answer = Setup().ask({"verb": "infer_many", "items": items})
    assert [item["status"] for item in answer["items"]] == [200, 400]


def test_stand_in_is_not_to_blame_when_a_request_does_not_fit_it() -> None:
    setup = Setup()
    setup.many([record(1)])
    setup.ref = replace(setup.ref, version="2.0.0-1.1", prefix="models/shapes/lost")
    answer = setup.many([record(1), {"records": [{**ROW, "depth": 1}]}, record(POISON), "{"])
    assert (answer["status"], answer["degraded"]) == (200, True)
    assert answer["model_version"] == "1.0.0-1.1"
    assert [item["status"] for item in answer["items"]] == [200, 503, 503, 400]
    assert json.loads(answer["items"][0]["body"])["degraded"] is True


def test_nothing_is_answered_when_no_model_can_be_loaded() -> None:
    setup = Setup(libraries={"onnxruntime": "1.0.0"})
    answer = setup.many([record(1), record(2)])
    assert (answer["status"], answer["items"]) == (503, [])
    assert answer["reason"] == "the model cannot be loaded at the moment"


def test_nothing_is_answered_when_the_server_is_for_another_model() -> None:
    setup = Setup()
    setup.ref = replace(setup.ref, model="other")
    answer = setup.many([record(1)])
    assert (answer["status"], answer["mismatch"], answer["items"]) == (409, True, [])


def test_fault_is_told_without_its_inside_when_the_server_is_not_set_up() -> None:
    def broken() -> Shelf:
        raise FaultError("the setting SERVERY_MODEL is missing")

    setup = Setup()
    setup.server = ModelServer(broken)
    answer = setup.many([record(1)])
    assert (answer["status"], answer["items"]) == (500, [])
    assert "SERVERY_MODEL" not in json.dumps(answer)


def test_answers_are_deferred_when_lambda_could_not_carry_them_all() -> None:
    setup = Setup(limits=Limits(max_rows=100_000, max_body_kb=5_500))
    row = '{"width":1,"kind":"a","height":1}'
    large, huge = ('{"records":[' + ",".join([row] * rows) + "]}" for rows in (20_000, 60_000))
    answer = setup.many([huge, large, large, record(1), large, "{"])
    told = [item["status"] for item in answer["items"]]
    assert told == [413, 200, 200, 200, 0, 400]
    assert answer["items"][4] == {"status": 0, "deferred": True}
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < 6 * 1024 * 1024
    assert setup.many([large])["items"][0]["status"] == 200


def test_all_answers_are_carried_when_many_are_small() -> None:
    answer = Setup().many([record(1)] * 128)
    assert {item["status"] for item in answer["items"]} == {200}
    assert Setup().many([record(1)] * 129)["status"] == 400
    assert Setup().many([])["items"] == []


def test_one_line_of_metrics_is_written_when_many_are_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup = Setup()
    setup.many([record(1), {"records": [{**ROW, "kind": "s3cret"}]}, record(123.25)])
    out = capsys.readouterr().out
    (line,) = (json.loads(line) for line in out.splitlines())
    assert (line["model"], line["model_version"]) == ("shapes", "1.0.0-1.1")
    assert (line["Rows"], line["Rejected"], line["items"], line["ColdStart"]) == (2, 1, 3, 1)
    assert line["LoadMilliseconds"] > 0
    assert "123.25" not in out
    assert "s3cret" not in out
