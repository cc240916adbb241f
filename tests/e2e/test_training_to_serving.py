"""Releases through shadow and canary, to champion or back, while requests go on."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of
from trouble import Load

MODEL = "iris-staged"
STAGES = {
    "compare": True,
    "shadow": {"share": 1.0, "seconds": 4},
    "canary": [{"share": 0.2, "seconds": 4}, {"share": 0.6, "seconds": 4}],
    "judging": {
        "min_requests": 10,
        "patience_s": 60,
        # Latencies of a local cloud say nothing, and so small a sample much by chance.
        "latency_ratio": 50.0,
        "drift_psi": 5.0,
    },
}
CONSTANT = {
    "class": "sklearn.dummy.DummyClassifier",
    "params": {"strategy": "constant", "constant": "virginica"},
}
TREE = {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}}


def trained(stack: Stack, **changes: Any) -> dict[str, Any]:
    spec = stack.spec("iris", name=MODEL) | {"gates": {}, "release": STAGES} | changes
    made = stack.train(spec)
    assert made["outcome"] == "registered", made
    return made


@pytest.fixture(scope="module")
def champion(stack: Stack) -> dict[str, Any]:
    made = trained(stack)
    released = stack.release(MODEL, version=made["version"])
    assert released["state"] == "succeeded", released
    return released


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    records, _ = rows_of("iris", 150)
    return {"records": [records[i] for i in (0, 75, 149)]}


def begun(stack: Stack, version: str) -> dict[str, Any]:
    answer = stack.http.post(f"/models/{MODEL}/releases", json={"version": version})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def record_of(stack: Stack, release: dict[str, Any]) -> dict[str, Any]:
    return dict(stack.http.get(f"/models/{MODEL}/releases/{release['id']}").json())


def over(stack: Stack, release: dict[str, Any], seconds: float = 240) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        record = record_of(stack, release)
        return None if record["state"] in ("running", "waiting") else record

    return dict(wait_until(ended, seconds=seconds, what=f"release {release['id']} ends"))


def test_no_request_fails_when_a_version_comes_through_shadow_and_canary(
    stack: Stack, champion: dict[str, Any], body: dict[str, Any]
) -> None:
    made = trained(stack, estimator=TREE)
    with Load(stack, MODEL, body) as load:
        load.go_on(5)
        record = over(stack, begun(stack, made["version"]))
        load.wait_for(lambda given: given.version == record["released_as"], 30)

    assert record["state"] == "succeeded", record
    assert {given.status for given in load.answers} == {200}
    assert [j["judgement"]["verdict"] for j in record["judgements"]] == ["pass"] * 3
    before = [g.version for g in load.answers if g.version != record["released_as"]]
    assert set(before) == {champion["released_as"]}
    deployment = stack.deployment(MODEL)
    assert deployment["champion"]["ref"]["version"] == record["released_as"]
    assert deployment["rollout"] is None


def test_worse_version_is_refused_when_the_gate_compares_it(
    stack: Stack, champion: dict[str, Any]
) -> None:
    before = stack.deployment(MODEL)["champion"]
    made = trained(stack, estimator=CONSTANT)
    record = over(stack, begun(stack, made["version"]))
    assert record["state"] == "refused", record
    assert "worse by" in record["reason"]
    assert stack.deployment(MODEL)["champion"] == before


def test_champion_goes_on_when_the_execution_is_stopped(
    stack: Stack, champion: dict[str, Any], body: dict[str, Any]
) -> None:
    made = trained(
        stack, estimator=TREE | {"params": {"max_depth": 2}}, release=STAGES | {"compare": False}
    )
    before = stack.deployment(MODEL)["champion"]
    release = begun(stack, made["version"])
    wait_until(
        lambda: (stack.deployment(MODEL)["rollout"] or {}).get("share", 0) > 0,
        seconds=90,
        what="the shadow has begun",
    )
    execution = record_of(stack, release)["execution"]
    stack.client("stepfunctions").stop_execution(executionArn=execution)
    sweeper = next(
        f["FunctionName"]
        for page in stack.client("lambda").get_paginator("list_functions").paginate()
        for f in page["Functions"]
        if f["FunctionName"].endswith("-release-sweep")
    )
    stack.client("lambda").invoke(FunctionName=sweeper, Payload=b"{}")
    record = over(stack, release)
    assert record["state"] == "rolled_back", record
    assert "its execution stopped" in record["reason"]
    deployment = stack.deployment(MODEL)
    assert (deployment["champion"], deployment["rollout"]) == (before, None)
    assert stack.infer(MODEL, body).status_code == 200
