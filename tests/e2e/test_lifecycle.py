"""From data to an answer over HTTP: train, register, release, predict, roll back."""

from __future__ import annotations

import csv
import json
import time
from typing import Any

import pytest
import yaml
from conftest import EXAMPLES, KEPT_SECONDS, Stack, wait_until


def rows_of(example: str, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The first rows of an example's data with their targets, in the form of the API."""
    spec = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    columns = {c["name"]: c for c in spec["data"]["columns"]}
    features = [n for n, c in columns.items() if c.get("role", "feature") == "feature"]
    with (EXAMPLES / spec["data"]["uri"]).open(newline="") as file:
        rows = [row for _, row in zip(range(count), csv.DictReader(file), strict=False)]
    cast = {"float": float, "int": int, "string": str}
    records = [{n: cast[columns[n]["dtype"]](row[n]) for n in features} for row in rows]
    return records, [row[spec["data"]["target"]] for row in rows]


def test_classes_are_right_when_iris_is_asked_over_http(stack: Stack, iris: dict) -> None:
    records, truth = rows_of("iris", 150)
    answer = stack.infer("iris", {"records": records})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    predicted = [row["class"] for row in body["predictions"]]
    agreement = sum(p == t for p, t in zip(predicted, truth, strict=True)) / len(truth)
    assert agreement >= 0.9
    assert body["model_version"] == iris["released_as"] == answer.headers["x-model-version"]
    assert body["served_by"] == "champion"
    assert body["request_id"] == answer.headers["x-request-id"]
    for row in body["predictions"]:
        assert row["model_version"] == iris["released_as"]
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert max(row["probabilities"], key=row["probabilities"].get) == row["class"]


def test_both_body_forms_agree_when_the_rows_are_the_same(stack: Stack, iris: dict) -> None:
    records, _ = rows_of("iris", 30)
    names = list(records[0])
    by_record = stack.infer("iris", {"records": records}).json()["predictions"]
    columns = [
        {"name": n, "datatype": "FP64", "shape": [30], "data": [r[n] for r in records]}
        for n in names
    ]
    packed = {
        "name": "input",
        "datatype": "FP32",
        "shape": [30, len(names)],
        "data": [[r[n] for n in names] for r in records],
    }
    for inputs in (columns, [packed]):
        answer = stack.infer("iris", {"id": "q-1", "inputs": inputs})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        outputs = {o["name"]: o for o in body["outputs"]}
        assert body["id"] == "q-1"
        assert body["model_version"] == iris["released_as"]
        assert outputs["class"]["data"] == [row["class"] for row in by_record]
        assert outputs["probabilities"]["shape"] == [30, 3]
        flat = [p for row in by_record for p in row["probabilities"].values()]
        assert outputs["probabilities"]["data"] == pytest.approx(flat, abs=1e-6)


def test_values_have_their_unit_when_a_regression_is_served_from_its_image(
    stack: Stack, diabetes: dict
) -> None:
    records, truth = rows_of("diabetes", 100)
    answer = stack.infer("diabetes", {"records": records})

    assert answer.status_code == 200, answer.text
    values = [row["value"] for row in answer.json()["predictions"]]
    mean = sum(float(t) for t in truth) / len(truth)
    spread = sum((float(t) - mean) ** 2 for t in truth)
    error = sum((v - float(t)) ** 2 for v, t in zip(values, truth, strict=True))
    assert 1 - error / spread > 0.3
    served = stack.deployment("diabetes")["champion"]
    assert served["server"]["mode"] == "image"
    assert served["server"]["layer"]


@pytest.mark.slow
def test_joblib_serves_when_the_proof_of_an_export_fails(stack: Stack) -> None:
    name = "diabetes-by-joblib"
    trained = stack.train(stack.spec("diabetes-joblib", name=name))
    assert trained["outcome"] == "registered", trained
    records, truth = rows_of("diabetes-joblib", 50)
    for mode in ("load", "image"):
        released = stack.release(name, mode=mode)
        assert released["state"] == "succeeded", released
        champion = stack.deployment(name)["champion"]
        assert champion["ref"]["runtime"] == "joblib"
        assert champion["server"]["mode"] == mode
        answer = stack.infer(name, {"records": records}, version=released["released_as"])
        assert answer.status_code == 200, answer.text
        values = [row["value"] for row in answer.json()["predictions"]]
        assert len(values) == len(truth)
    version = stack.http.get(f"/models/{name}/versions/{trained['version']}").json()
    assert version["manifest"]["runtime"] == "joblib"
    assert version["manifest"]["runtime_reason"]


def test_the_old_version_answers_again_when_rolled_back(stack: Stack, iris: dict) -> None:
    records, _ = rows_of("iris", 2)
    spec = stack.spec("iris", name="iris-rollback")
    first = stack.train(spec)
    one = stack.release("iris-rollback", version=first["version"], training=first["training"])
    spec["estimator"] = {"class": "sklearn.tree.DecisionTreeClassifier", "params": {}}
    second = stack.train(spec)
    assert second["version"].startswith("0.1.1-"), "another estimator raises Z"
    two = stack.release("iris-rollback", version=second["version"])
    assert one["released_as"].startswith("1.1.0-")
    assert two["released_as"].startswith("2.1.1-")
    asked = stack.infer("iris-rollback", {"records": records}, version=one["released_as"])
    assert asked.json()["model_version"] == one["released_as"]

    back = stack.json("rollback", "iris-rollback")
    assert back["champion"]["ref"]["version"] == one["released_as"]

    time.sleep(KEPT_SECONDS)
    found = stack.infer("iris-rollback", {"records": records})
    assert found.status_code == 200, found.text
    assert found.json()["model_version"] == one["released_as"]


def test_nothing_is_registered_when_a_gate_is_not_reached(stack: Stack) -> None:
    spec = stack.spec("iris", name="iris-gated")
    spec["gates"]["minimum"] = 0.9999
    spec["estimator"] = {"class": "sklearn.dummy.DummyClassifier", "params": {}}
    refused = stack.train(spec)

    assert refused["outcome"] == "refused"
    assert any("0.9999" in reason for reason in refused["reasons"])
    found = stack.http.get("/models/iris-gated/trainings").raise_for_status().json()
    assert [run["outcome"] for run in found["trainings"]] == ["refused"]
    assert stack.http.post("/models/iris-gated/releases", json={}).status_code == 404


def test_training_is_a_recorded_refusal_when_the_estimator_is_not_allowed(stack: Stack) -> None:
    spec = stack.spec("iris", name="iris-hostile")
    spec["estimator"] = {"class": "subprocess.Popen", "params": {"args": "true"}}
    outcome = stack.train_raw(spec)

    assert outcome["outcome"] == "refused"
    assert "allowed for classification" in " ".join(outcome["reasons"])


def test_the_failed_step_is_recorded_when_the_system_is_at_fault(stack: Stack) -> None:
    states = stack.client("stepfunctions")
    machine = stack.status["outputs"]["BatchTrainingStateMachineArn"]
    started = states.start_execution(
        stateMachineArn=machine,
        name="fault-without-spec",
        input=json.dumps({"training_id": "fault-without-spec", "origin": "test", "spec": "none"}),
    )

    def over() -> Any:
        found = states.describe_execution(executionArn=started["executionArn"])
        return found if found["status"] != "RUNNING" else None

    ended = wait_until(over, seconds=60, what="the execution ends")
    assert ended["status"] == "FAILED"
    history = states.get_execution_history(executionArn=started["executionArn"])
    told = json.dumps(history, default=str).replace("\\", "").replace(" ", "")
    assert '"failed_step":"collect"' in told
