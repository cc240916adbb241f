"""Versions are evaluated by labels, retired by evidence, and trained anew for alarms."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Stack, in_force, wait_until
from test_lifecycle import rows_of

ROWS = 60
AT_ONCE_DAYS = 1e-7


@dataclass(frozen=True)
class Kept:
    """A model with a champion that knows flowers, and a candidate that always says the same."""

    name: str
    spec: dict[str, Any]
    champion: str
    candidate: str


def invoke(stack: Stack, output: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.status["outputs"][output], Payload=json.dumps(event)
    )
    content = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    return dict(content)


def a_spec(stack: Stack) -> dict[str, Any]:
    rules = {"unused_days": AT_ONCE_DAYS, "grace_hours": 0}
    retrain = {"on": ["drift"], "at_most_every_hours": 24}
    spec = stack.spec("iris", name=f"kept-{uuid.uuid4().hex[:6]}")
    return {**spec, "retire": rules, "retrain": retrain}


def two_versions(stack: Stack) -> Kept:
    spec = a_spec(stack)
    params = {"strategy": "constant", "constant": "virginica"}
    dummy = {"class": "sklearn.dummy.DummyClassifier", "params": params}
    trained = stack.train(spec), stack.train({**spec, "estimator": dummy, "gates": {}})
    champion, candidate = (
        str(stack.release(spec["name"], version=t["version"], **{"as": place})["released_as"])
        for t, place in zip(trained, ("champion", "candidate"), strict=True)
    )
    return Kept(spec["name"], spec, champion, candidate)


@pytest.fixture(scope="module")
def kept(stack: Stack) -> Kept:
    return two_versions(stack)


@pytest.fixture
def leaving(stack: Stack) -> Kept:
    return two_versions(stack)


def test_versions_are_evaluated_when_labels_come(stack: Stack, kept: Kept) -> None:
    records, truth = rows_of("iris", ROWS)
    for version in (None, kept.candidate):
        answer = stack.infer(kept.name, {"records": records}, version)
        assert answer.status_code == 200, answer.text
        labels = [
            {"request_id": answer.headers["x-request-id"], "row": row, "label": label}
            for row, label in enumerate(truth)
        ]
        stack.http.post("/labels", json={"model": kept.name, "labels": labels}).raise_for_status()

    def evaluated() -> Any:
        invoke(stack, "MonitoringEvaluateFunctionName", {"model": kept.name})
        found = {e["version"]: e for e in stack.json("evaluations", kept.name)}
        return found if all(e["rows"] == ROWS for e in found.values()) else None

    found = wait_until(evaluated, seconds=60, what="labels and predictions are in the lake")
    assert set(found) == {kept.champion, kept.candidate}
    assert found[kept.champion]["score"] > 0.9
    assert found[kept.candidate]["score"] < 0.6
    assert found[kept.candidate]["asked"]
    shown = stack.http.get(f"/models/{kept.name}/versions/{kept.champion}").json()
    assert shown["evaluation"]["rows"] == ROWS


def test_version_is_refused_when_a_route_or_a_graph_names_it_or_it_is_the_champion(
    stack: Stack, kept: Kept
) -> None:
    name, path = kept.name, f"/models/{kept.name}/versions"
    refused = stack.http.delete(f"{path}/{kept.champion}")
    assert refused.status_code == 409, refused.text
    assert "it is the champion" in refused.text

    in_force(stack, name, {"routing": {"shadow": {"version": kept.candidate, "share": 0.5}}})
    refused = stack.http.delete(f"{path}/{kept.candidate}")
    assert refused.status_code == 409
    assert "routing.shadow.version names it" in refused.text
    in_force(stack, name, {})

    graph = {"name": f"g-{name}",
        "owner": "tests", "steps": [
        {"name": "flower", "model": name, "version": kept.candidate}]}  # fmt: skip
    registered = stack.http.post("/graphs", json=graph)
    assert registered.is_success, registered.text
    refused = stack.http.delete(f"{path}/{kept.candidate}")
    assert refused.status_code == 409
    assert f"the graph g-{name} names it" in refused.text
    plan = {v["version"]: v for v in stack.json("retire", name, "--dry-run")["versions"]}
    assert not plan[kept.candidate]["goes"]
    stack.http.delete(f"/graphs/g-{name}").raise_for_status()


@pytest.mark.slow
def test_server_goes_and_then_the_artifact_when_nobody_asks_a_version(
    stack: Stack, leaving: Kept
) -> None:
    server = stack.deployment(leaving.name)["candidates"][0]
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]
    # The second release makes the first champion the last good one, which stays as well.
    again = stack.train({**leaving.spec, "split": {**leaving.spec.get("split", {}), "seed": 11}})
    second = str(stack.release(leaving.name, version=again["version"])["released_as"])
    invoke(stack, "MonitoringEvaluateFunctionName", {"model": leaving.name})

    def retired() -> Any:
        invoke(stack, "MonitoringRetireFunctionName", {"model": leaving.name})
        plan = stack.json("retire", leaving.name, "--dry-run")["versions"]
        found = {v["version"]: v["retired"] for v in plan}
        record = found[leaving.candidate]
        return record if record and record["stage"] == "gone" else None

    record = wait_until(retired, seconds=60, what=f"{leaving.candidate} is gone")
    assert record["why"] == "unused"
    assert record["out"] <= record["unserved"] <= record["gone"]
    assert server["server"]["function"] in record["removed"]
    deployment = stack.deployment(leaving.name)
    assert deployment["champion"]["ref"]["version"] == second
    assert deployment["last_good"]["ref"]["version"] == leaving.champion
    assert deployment["candidates"] == []
    functions = stack.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_configuration(FunctionName=server["server"]["function"])
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=server["ref"]["prefix"] + "/")["Contents"]
    names = {entry["Key"].rpartition("/")[2] for entry in listed}
    assert names == {"manifest.json", "retired.json"}
    assert stack.infer(leaving.name, {"records": rows_of("iris", 1)[0]}).status_code == 200
    refused = stack.http.post(
        f"/models/{leaving.name}/releases", json={"version": leaving.candidate}
    )
    assert refused.status_code == 409
    assert "was retired (unused" in refused.text
    traced = stack.http.get(f"/models/{leaving.name}/versions/{leaving.candidate}/lineage")
    assert traced.status_code == 200, traced.text


@pytest.mark.slow
def test_one_training_starts_when_two_alarms_come(stack: Stack) -> None:
    bus = stack.client("events")
    spec = a_spec(stack)
    name, by_hand = spec["name"], stack.train(spec)["training_id"]

    def alarm(at: str) -> None:
        detail = {
            "model": name, "version": "", "kind": "input_drift",
            "subject": "petal_length", "severity": "critical", "said": "petal_length has moved",
            "at": at, "value": 0.6, "bound": 0.2,
        }  # fmt: skip
        entry = {"Source": "servery.monitoring", "DetailType": "Model alarm",
                 "Detail": json.dumps(detail)}  # fmt: skip
        assert not bus.put_events(Entries=[entry])["FailedEntryCount"]

    def decided(count: int) -> Any:
        found = stack.http.get(f"/models/{name}/retrainings").json()["retrainings"]
        return found if len(found) >= count else None

    alarm("2026-11-23T10:00:00+00:00")
    (first,) = wait_until(lambda: decided(1), seconds=60, what="the alarm is decided about")
    assert first["decision"] == "started"

    def over() -> Any:
        runs = stack.listed(f"/models/{name}/trainings")
        return [t for t in runs if t["training_id"] != by_hand] or None

    (run,) = wait_until(over, seconds=120, what="the training is over")
    assert run["training_id"] == first["training_id"]
    assert run["outcome"] == "registered"
    alarm("2026-11-23T10:05:00+00:00")
    found = wait_until(lambda: decided(2), seconds=60, what="the second alarm is decided about")
    assert found[0]["decision"] in ("limited", "busy")
    assert stack.json("retrainings", name)[0]["training_id"] == ""
