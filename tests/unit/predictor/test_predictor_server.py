"""The events of a model server and their answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.tiny_models import MemoryArtifacts, add_model
from msgspec.structs import replace
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import ModelRef, Runtime
from servery.domain.readiness import ready_answer, ready_question
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.errors import FaultError
from servery.usecases.predictor import Pin, Shelf

ROW = {"width": 0.5, "kind": "a", "height": -1}


class Setup:
    def __init__(self, **manifest: Any) -> None:
        self.artifacts = MemoryArtifacts()
        self.ref = add_model(self.artifacts, **manifest)
        loader = ModelLoader(self.artifacts, load_runtime, Codec)
        shelf = Shelf(loader.load, Pin("shapes", Runtime.ONNX), SetClock())
        self.server = ModelServer(lambda: shelf, code="7", init_ms=12.5)

    def ask(self, verb: str, ref: ModelRef | None = None, **more: Any) -> dict[str, Any]:
        """Ask through JSON both ways, as Lambda does."""
        event = {"verb": verb, "ref": msgspec.to_builtins(ref or self.ref), "request_id": "r1"}
        answer = self.server.handle(json.loads(json.dumps({**event, **more})))
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]

    def infer(self, body: Any, **more: Any) -> dict[str, Any]:
        return self.ask("infer", body=body if isinstance(body, str) else json.dumps(body), **more)


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup()


def test_records_are_answered_with_all_that_happened_when_they_are_right(setup: Setup) -> None:
    answer = setup.infer({"records": [ROW, ROW], "id": "x"}, route="champion", cache="off")
    assert (answer["status"], answer["rows"], answer["degraded"]) == (200, 2, False)
    assert answer["model_ms"] > 0
    document = json.loads(answer["body"])
    predictions = document.pop("predictions")
    assert document == {
        "id": "x",
        "model": "shapes",
        "model_version": "1.0.0-1.1",
        "request_id": "r1",
        "served_by": "champion",
        "cache": "off",
    }
    assert answer["model_version"] == "1.0.0-1.1"
    for row in predictions:
        assert row["model_version"] == "1.0.0-1.1"
        assert row["class"] == max(row["probabilities"], key=row["probabilities"].get)


def test_body_is_read_when_it_comes_in_base64(setup: Setup) -> None:
    body = base64.b64encode(json.dumps({"records": [ROW]}).encode()).decode()
    assert setup.infer(body, base64=True)["status"] == 200


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        ("{", {}, 400),
        ("", {}, 400),
        ("%%%", {"base64": True}, 400),
        ("YQ", {"base64": True}, 400),
        ("\u00e9", {"base64": True}, 400),
        ("gICA", {"base64": True}, 400),
        ("\ud800", {}, 400),
        ("[" * 49_000, {}, 400),
        ({"records": [{**ROW, "kind": "s3cret"}]}, {}, 422),
        ({"records": []}, {}, 422),
        ({"records": [ROW] * 101}, {}, 413),
        (" " * 50_001, {}, 413),
    ],
)
def test_refusal_is_a_problem_document_when_a_body_is_wrong(
    setup: Setup, body: Any, more: dict[str, Any], status: int
) -> None:
    answer = setup.infer(body, **more)
    problem = json.loads(answer["body"])
    assert answer["status"] == problem["status"] == status
    assert problem["instance"].endswith("r1")
    assert answer["rows"] == 0
    assert answer["model_version"] == "1.0.0-1.1"
    assert "s3cret" not in answer["body"]


def test_answer_is_refused_when_lambda_could_not_carry_it() -> None:
    big = Setup(limits=Limits(max_rows=100_000, max_body_kb=5_500))
    row = '{"width":1,"kind":"a","height":1}'
    answer = big.infer('{"records":[' + ",".join([row] * 60_000) + "]}")
    assert answer["status"] == 413


def test_mismatch_is_a_conflict_when_another_model_is_asked(setup: Setup) -> None:
    other = replace(setup.ref, model="other")
    for verb in ("infer", "ready", "metadata"):
        answer = setup.ask(verb, other, body="{}")
        assert answer["status"] == 409
        assert answer["mismatch"] is True


def test_stand_in_is_marked_when_the_champion_cannot_be_loaded() -> None:
    setup = Setup()
    setup.infer({"records": [ROW]})
    lost = replace(setup.ref, version="2.0.0-1.1", prefix="models/shapes/lost")
    answer = setup.ask("infer", lost, body=json.dumps({"records": [ROW]}))
    assert (answer["status"], answer["degraded"]) == (200, True)
    assert answer["model_version"] == "1.0.0-1.1"
    assert json.loads(answer["body"])["degraded"] is True
    exact = setup.ask("infer", lost, body=json.dumps({"records": [ROW]}), exact=True)
    assert exact["status"] == 503


def test_ready_tells_what_is_loaded_when_the_sample_is_reproduced(setup: Setup) -> None:
    answer = setup.ask("ready")
    assert answer.pop("load_ms") > 0
    assert answer == {
        "status": 200,
        "ready": True,
        "model_version": "1.0.0-1.1",
        "digest": setup.ref.digest,
        "runtime": "onnx",
        "code": "7",
    }
    event = json.loads(ready_question(setup.ref))
    assert ready_answer(setup.ref, json.dumps(setup.server.handle(event)).encode()).ready


def test_ready_says_why_not_when_the_model_cannot_be_loaded() -> None:
    setup = Setup(libraries={"onnxruntime": "1.0.0"})
    answer = setup.ask("ready")
    assert (answer["status"], answer["ready"]) == (503, False)
    assert "1.0.*" in answer["reason"]


def test_metadata_describes_inputs_and_outputs_when_it_is_asked(setup: Setup) -> None:
    document = json.loads(setup.ask("metadata")["body"])
    assert document["name"] == "shapes"
    assert document["versions"] == ["1.0.0-1.1"]
    assert document["platform"] == "onnx"
    assert [(i["name"], i["datatype"], i["shape"]) for i in document["inputs"]] == [
        ("width", "FP32", [-1]),
        ("kind", "BYTES", [-1]),
        ("height", "FP32", [-1]),
    ]
    assert document["inputs"][1]["parameters"]["categories"] == ["a", "b", "c"]
    assert [(o["name"], o["datatype"], o["shape"]) for o in document["outputs"]] == [
        ("class", "BYTES", [-1]),
        ("probabilities", "FP32", [-1, 2]),
    ]


@pytest.mark.parametrize(
    "event",
    [None, [], {}, {"verb": "infer"}, {"verb": "nap", "ref": {}}, {"verb": "ready", "ref": None}],
)
def test_an_event_is_refused_when_it_is_none_of_ours(setup: Setup, event: Any) -> None:
    assert setup.server.handle(event)["status"] == 400


def test_fault_is_told_without_its_inside_when_something_breaks() -> None:
    def broken() -> Shelf:
        raise FaultError("the setting SERVERY_MODEL is missing")

    setup = Setup()
    setup.server = ModelServer(broken)
    answer = setup.infer({"records": [ROW]})
    assert answer["status"] == 500
    assert "SERVERY_MODEL" not in answer["body"]
    ready = setup.ask("ready")
    assert (ready["status"], ready["ready"]) == (503, False)


def test_metrics_name_model_and_version_and_no_value_when_a_request_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup = Setup()
    setup.infer({"records": [{**ROW, "width": 123.25}]})
    setup.infer({"records": [{**ROW, "kind": "s3cret"}]})
    out = capsys.readouterr().out
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["model"], first["model_version"]) == ("shapes", "1.0.0-1.1")
    assert (first["Rows"], first["Rejected"], first["ColdStart"]) == (1, 0, 1)
    assert first["InitMilliseconds"] == 12.5
    assert first["LoadMilliseconds"] > 0
    assert first["correlation_id"] == "r1"
    assert (second["Rows"], second["Rejected"], second["ColdStart"]) == (0, 1, 0)
    assert "LoadMilliseconds" not in second
    assert "123.25" not in out
    assert "s3cret" not in out
