"""Preprocessing and prediction as two model servers that belong together."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import EXAMPLES, Stack, rename_classes, wait_until
from test_lifecycle import rows_of
from trouble import down, states, timed

EXAMPLE = "breast-cancer-pair"
PREDICTOR, PREPROCESSOR = "breast-cancer-pair", "breast-cancer-features"
ARRANGEMENTS = ("linear", "proxy")


def graphs_of(predictor: str, preprocessor: str) -> dict[str, list[dict[str, Any]]]:
    """Steps of both arrangements of a pair, whose columns come with the request."""
    return {
        "linear": [{"name": "diagnosis", "model": predictor, "preprocessor": preprocessor}],
        "proxy": [
            {"name": "prepared", "preprocessor": preprocessor},
            {"name": "diagnosis", "model": predictor, "features": "prepared"},
        ],
    }


def paired(stack: Stack, name: str, **changes: Any) -> dict[str, Any]:
    """The example's spec as a pair of other names."""
    spec = stack.spec(EXAMPLE, name=name)
    return {**spec, "pair": {"preprocessor": f"{name}-features"}, **changes}


def release(stack: Stack, name: str) -> None:
    """Release both halves, as a person would."""
    stack.run("release", name)


@pytest.fixture(scope="module")
def pair(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """The example, trained and released; the steps of its arrangements."""
    trained = stack.json("train", str(EXAMPLES / f"{EXAMPLE}.yaml"))
    assert trained["outcome"] == "registered", trained
    release(stack, PREDICTOR)
    return graphs_of(PREDICTOR, PREPROCESSOR)


@pytest.fixture(scope="module")
def single(stack: Stack) -> str:
    """The same spec as one artifact."""
    name = f"single-{uuid.uuid4().hex[:6]}"
    spec = stack.spec(EXAMPLE, name=name)
    spec.pop("pair")
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(name)["state"] == "succeeded"
    return name


@pytest.fixture(scope="module")
def other(stack: Stack) -> tuple[str, str]:
    """A pair of the same form, from another training."""
    name = f"other-{uuid.uuid4().hex[:6]}"
    spec = paired(stack, name)
    spec["split"] = {**spec.get("split", {}), "seed": 77}
    assert stack.train(spec)["outcome"] == "registered"
    release(stack, name)
    return name, f"{name}-features"


@pytest.fixture(scope="module")
def masses() -> list[dict[str, Any]]:
    """Every row of the data."""
    return rows_of(EXAMPLE, 1000)[0]


def answers(answer: httpx.Response) -> list[tuple[Any, Any]]:
    """Class and probabilities of each row."""
    assert answer.status_code == 200, answer.text
    return [(row["class"], row["probabilities"]) for row in answer.json()["predictions"]]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_answers_are_bit_for_bit_those_of_one_artifact_when_they_are_made_by_two(
    stack: Stack,
    pair: Any,
    single: str,
    register: Any,
    masses: list[Any],
    arrangement: str,
) -> None:
    graph = register(*pair[arrangement], output=["diagnosis"])
    assert len(masses) == 569
    alone = answers(stack.infer(single, {"records": masses}))
    assert answers(stack.ask(graph, *masses)) == alone
    # One by one too: a model may add up in another order where there are many rows.
    assert [*answers(stack.ask(graph, masses[7]))] == answers(
        stack.infer(single, {"records": [masses[7]]})
    )


def test_each_half_has_a_server_and_a_version_of_its_own_when_a_pair_is_released(
    stack: Stack, pair: Any
) -> None:
    halves = [stack.deployment(model)["champion"] for model in (PREPROCESSOR, PREDICTOR)]
    assert halves[0]["ref"]["pair"] == halves[1]["ref"]["pair"] != ""
    assert [half["ref"]["part"] for half in halves] == ["preprocessor", "predictor"]
    functions = [half["server"]["function"].rpartition(":")[0] for half in halves]
    names = stack.status["functions"]
    assert functions[0].endswith(names["PreprocessorFunction"])
    assert functions[1].endswith(names["PredictorFunction"])


def test_examples_answer_when_they_are_registered_as_they_are(
    stack: Stack, pair: Any, masses: list[Any]
) -> None:
    linear = EXAMPLES / "graphs" / "breast-cancer-linear.yaml"
    stack.json("graphs", "apply", str(linear))
    truth = rows_of(EXAMPLE, 1000)[1]
    said = [c for c, _ in answers(stack.ask("breast-cancer-linear", *masses))]
    assert sum(s == t for s, t in zip(said, truth, strict=True)) / len(truth) > 0.95


def test_features_are_answered_when_the_preprocessor_is_asked_alone(
    stack: Stack, pair: Any, masses: list[Any]
) -> None:
    prepared = stack.infer(PREPROCESSOR, {"records": masses[:3]})
    assert prepared.status_code == 200, prepared.text
    rows = [row["features"] for row in prepared.json()["predictions"]]
    assert prepared.json()["pair"] == prepared.headers["x-pair"]
    told = stack.infer(PREDICTOR, {"records": rows}, headers={"x-pair": prepared.headers["x-pair"]})
    assert told.status_code == 200, told.text
    assert {row["class"] for row in told.json()["predictions"]} <= {"benign", "malignant"}


# Halves that do not belong together


def test_caller_is_told_when_features_come_without_a_pair_or_with_another(
    stack: Stack, pair: Any, other: tuple[str, str], masses: list[Any]
) -> None:
    prepared = stack.infer(PREPROCESSOR, {"records": masses[:1]}).json()
    body = {"records": [row["features"] for row in prepared["predictions"]]}
    without = stack.infer(PREDICTOR, body)
    assert without.status_code == 422, without.text
    assert PREPROCESSOR in without.text
    foreign = stack.infer(other[1], {"records": masses[:1]})
    assert foreign.status_code == 200, foreign.text
    wrong = stack.infer(PREDICTOR, body, headers={"x-pair": foreign.headers["x-pair"]})
    assert wrong.status_code == 409, wrong.text
    assert "predictions" not in wrong.json()


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_graph_is_refused_when_its_halves_were_not_trained_together(
    stack: Stack, pair: Any, other: tuple[str, str], arrangement: str
) -> None:
    steps = graphs_of(PREDICTOR, other[1])[arrangement]
    spec = {"name": "e2e-mismatch", "owner": "e2e", "steps": steps}
    answer = stack.http.post("/graphs", json=spec)
    assert answer.status_code == 422, answer.text
    assert any("together" in error["message"] for error in answer.json()["errors"])
    assert stack.http.get("/graphs/e2e-mismatch").status_code == 404


def test_nothing_is_predicted_when_the_file_of_one_half_is_that_of_another_pair(
    stack: Stack, other: tuple[str, str], pair: Any, register: Any, masses: list[Any]
) -> None:
    graph = register(*graphs_of(*other)["proxy"], output=["diagnosis"], deadline_ms=15_000)
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]

    def key(model: str) -> str:
        prefix = stack.deployment(model)["champion"]["ref"]["prefix"]
        found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/model.")["Contents"]
        return str(found[0]["Key"])

    own = s3.get_object(Bucket=bucket, Key=key(other[1]))["Body"].read()
    foreign = s3.get_object(Bucket=bucket, Key=key(PREPROCESSOR))["Body"].read()
    s3.put_object(Bucket=bucket, Key=key(other[1]), Body=foreign)
    try:
        stack.crash(other[1])
        answer = stack.ask(graph, masses[0])
        assert answer.status_code in (502, 503), answer.text
        assert "prepared" in answer.json()["hop"]
    finally:
        s3.put_object(Bucket=bucket, Key=key(other[1]), Body=own)
        stack.crash(other[1])


def test_half_is_not_released_when_the_other_would_be_left_without_it(
    stack: Stack, masses: list[Any]
) -> None:
    name = f"order-{uuid.uuid4().hex[:6]}"
    assert stack.train(paired(stack, name))["outcome"] == "registered"
    first = stack.http.post(f"/models/{name}/releases", json={})
    record = stack.finished(first) if first.status_code == 202 else first.json()
    told = str(record)
    assert record.get("state") != "succeeded"
    assert f"{name}-features" in told, told
    assert stack.http.get(f"/models/{name}/deployment").status_code == 404


@pytest.mark.slow
def test_every_answer_belongs_together_when_a_pair_is_released_while_it_is_asked(
    stack: Stack, register: Any, masses: list[Any]
) -> None:
    name = f"moving-{uuid.uuid4().hex[:6]}"
    assert stack.train(paired(stack, name))["outcome"] == "registered"
    release(stack, name)
    steps = graphs_of(name, f"{name}-features")
    asked = {how: register(*steps[how], output=["diagnosis"]) for how in ARRANGEMENTS}
    before = {how: answers(stack.ask(asked[how], *masses[:20])) for how in ARRANGEMENTS}
    changed = paired(stack, name)
    changed["split"] = {**changed.get("split", {}), "seed": 4711}
    assert stack.train(changed)["outcome"] == "registered"

    seen: list[tuple[str, httpx.Response]] = []
    over = threading.Event()

    def keep_asking() -> None:
        headers = {"x-api-key": stack.status["api_key"]}
        with httpx.Client(base_url=stack.status["api_url"], headers=headers, timeout=60) as http:
            while not over.is_set():
                for how in ARRANGEMENTS:
                    body = {"records": masses[:20]}
                    seen.append((how, http.post(f"/v2/graphs/{asked[how]}/infer", json=body)))

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        release(stack, name)
    finally:
        over.set()
        thread.join()

    def moved() -> bool:
        return all(
            answers(stack.ask(asked[how], *masses[:20])) != before[how] for how in ARRANGEMENTS
        )

    wait_until(moved, seconds=20, what="the new pair answers")
    after = {how: answers(stack.ask(asked[how], *masses[:20])) for how in ARRANGEMENTS}
    assert after["linear"] == after["proxy"]
    assert len(seen) >= 4
    for how, answer in seen:
        assert answers(answer) in (before[how], after[how])


# One half is slow, down, or answers garbage

HALVES = [(how, half) for how in ARRANGEMENTS for half in ("preprocessor", "predictor")]


def hop_of(how: str, half: str) -> str:
    """How an error names the hop of a half."""
    if how == "linear":
        return f"diagnosis.{half}"
    return {"preprocessor": "prepared", "predictor": "diagnosis"}[half]


@pytest.mark.needs("local_processes")
@pytest.mark.parametrize(("how", "half"), HALVES)
def test_hop_is_named_in_time_when_a_half_is_slow(
    stack: Stack, pair: Any, register: Any, masses: list[Any], how: str, half: str
) -> None:
    graph = register(*pair[how], output=["diagnosis"], deadline_ms=4000)
    wait_until(lambda: stack.ask(graph, masses[0]).is_success, seconds=60, what="both are warm")
    model = {"preprocessor": PREPROCESSOR, "predictor": PREDICTOR}[half]
    with stack.frozen(model):
        answer, seconds = timed(lambda: stack.ask(graph, masses[0]))
    assert answer.status_code == 504, answer.text
    assert answer.json()["hop"] == hop_of(how, half)
    assert seconds < 8
    wait_until(lambda: stack.ask(graph, masses[0]).is_success, seconds=60, what="it is back")


@pytest.mark.slow
@pytest.mark.needs("local_processes")
@pytest.mark.parametrize(("how", "half"), HALVES)
def test_hop_is_named_when_a_half_is_down(
    stack: Stack, pair: Any, register: Any, masses: list[Any], how: str, half: str
) -> None:
    graph = register(*pair[how], output=["diagnosis"], deadline_ms=15_000)
    model = {"preprocessor": PREPROCESSOR, "predictor": PREDICTOR}[half]
    with down(stack, model, masses[0], ask=lambda: stack.ask(graph, masses[0])):
        answer = stack.ask(graph, masses[0])
    assert answer.status_code == 503, answer.text
    assert answer.json()["hop"] == hop_of(how, half)
    assert "retry-after" in answer.headers


@pytest.mark.slow
@pytest.mark.needs("local_processes")
@pytest.mark.parametrize("how", ARRANGEMENTS)
def test_default_stands_in_when_the_predictor_is_down_and_there_is_one(
    stack: Stack, pair: Any, register: Any, masses: list[Any], how: str
) -> None:
    default = {"class": "malignant", "probabilities": {"benign": 0.0, "malignant": 1.0}}
    *before, last = pair[how]
    last = {**last, "on_failure": "default", "default": default}
    graph = register(*before, last, output=["diagnosis"], deadline_ms=15_000)
    with down(stack, PREDICTOR, masses[0], ask=lambda: _plain(stack, graph, masses[0])):
        answer = stack.ask(graph, masses[0])
    assert answer.status_code == 200, answer.text
    assert answer.json()["degraded"] is True
    assert answer.json()["predictions"][0]["class"] == "malignant"
    assert states(answer)["diagnosis"] == "default"


def _plain(stack: Stack, graph: str, row: dict[str, Any]) -> httpx.Response:
    """An answer that counts as one only where no default stands in."""
    answer = stack.ask(graph, row)
    if answer.is_success and answer.json().get("degraded"):
        return httpx.Response(503)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("how", ARRANGEMENTS)
def test_hop_is_named_when_the_pair_answers_other_classes_than_were_checked(
    stack: Stack, single: str, register: Any, masses: list[Any], how: str, tmp_path: Path
) -> None:
    name = f"garbage-{uuid.uuid4().hex[:6]}"
    spec = paired(stack, name)
    assert stack.train(spec)["outcome"] == "registered"
    release(stack, name)
    after = {
        "name": "again",
        "model": single,
        "when": {"of": "diagnosis.probabilities.malignant", "above": 0.5},
    }
    steps = graphs_of(name, f"{name}-features")[how]
    graph = register(*steps, after, output=["again", "diagnosis"])
    assert stack.ask(graph, *masses[:5]).status_code == 200

    data = tmp_path / "renamed.csv"
    words = {"benign": "harmless", "malignant": "harmful"}
    rename_classes(Path(spec["data"]["uri"]), data, "diagnosis", words)
    changed = {**spec, "data": {**spec["data"], "uri": str(data)}}
    changed["data"]["columns"] = [
        {**c, "categories": ["harmless", "harmful"]} if c["name"] == "diagnosis" else c
        for c in spec["data"]["columns"]
    ]
    assert stack.train(changed)["outcome"] == "registered"
    release(stack, name)

    def refused() -> httpx.Response | None:
        answer = stack.ask(graph, *masses[:5])
        return None if answer.is_success else answer

    answer = wait_until(refused, seconds=20, what="the classes are others")
    assert answer.status_code == 502, answer.text
    assert answer.json()["hop"].startswith("diagnosis")
