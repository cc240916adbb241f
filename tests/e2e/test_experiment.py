"""An online test from the first key to its result: exposed, labelled, and told how sure it is."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Stack, in_force, wait_until
from test_lifecycle import rows_of

KEYS = 60
DEADLINE_MS = 20_000  # servers may be cold
CAUTIOUS_CHANCE = 0.001


@dataclass(frozen=True)
class Online:
    """A model under test.

    Attributes:
        name: Of the model.
        old: The version that knows flowers.
        new: The one that always says the same.
        requests: Id of each request to its variant, and whether the prediction was right.
    """

    name: str
    old: str
    new: str
    requests: dict[str, tuple[str, bool]]


pytestmark = pytest.mark.slow  # hundreds of requests before the first test


@pytest.fixture(scope="module")
def online(stack: Stack) -> Online:
    """Every key has asked once, and what was true has been told."""
    name = f"tested-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris", name=name)
    params = {"strategy": "constant", "constant": "virginica"}
    dummy = {"class": "sklearn.dummy.DummyClassifier", "params": params}
    trained = stack.train(spec), stack.train({**spec, "estimator": dummy, "gates": {}})
    old, new = (
        str(stack.release(name, version=t["version"], **{"as": place})["released_as"])
        for t, place in zip(trained, ("champion", "candidate"), strict=True)
    )
    variants = [
        {"name": "old", "version": old, "weight": 0.5},
        {"name": "new", "version": new, "weight": 0.5},
    ]
    test = {"name": "flowers", "header": "x-caller", "variants": variants}
    in_force(stack, name, {"deadline_ms": DEADLINE_MS, "routing": {"experiment": test}})
    records, truth = rows_of("iris", 150)

    def ask(number: int) -> tuple[str, tuple[str, bool], dict[str, Any]]:
        place = number * 7 % len(records)
        request = f"exposure-{uuid.uuid4().hex}"
        headers = {"x-caller": f"caller-{number}", "x-request-id": request}
        answer = stack.infer(name, {"records": [records[place]]}, headers=headers)
        assert answer.status_code == 200, answer.text
        variant = answer.json()["served_by"].removeprefix("variant:flowers/")
        right = answer.json()["predictions"][0]["class"] == truth[place]
        return request, (variant, right), {"request_id": request, "label": truth[place]}

    with ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(ask, range(KEYS)))
    labels = [label for _, _, label in asked]
    told = stack.http.post("/labels", json={"model": name, "labels": labels[1:]})
    assert (told.status_code, told.json()) == (202, {"accepted": KEYS - 1, "events": 0}), told.text
    alone = stack.http.post("/labels", json={"labels": labels[:1]})  # nobody says which model
    assert alone.status_code == 202, alone.text
    return Online(name, old, new, {request: known for request, known, _ in asked})


@pytest.fixture(scope="module")
def report(stack: Stack, online: Online) -> dict[str, Any]:
    """The result, once the lake has everything."""

    def whole() -> dict[str, Any] | None:
        found = stack.json("experiment", online.name)
        return found if sum(v["labelled"] for v in found["variants"]) == KEYS else None

    return dict(wait_until(whole, seconds=120, what="all exposures and labels are in the lake"))


def variant(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in report["variants"] if each["name"] == name]
    return dict(found)


@pytest.mark.parametrize("name", ["old", "new"])
def test_exposures_and_accuracy_are_those_of_the_requests(
    online: Online, report: dict[str, Any], name: str
) -> None:
    right = [hit for each, hit in online.requests.values() if each == name]
    found = variant(report, name)
    assert found["versions"] == [getattr(online, name)]
    assert (found["exposures"], found["keys"], found["labelled"]) == (len(right),) * 3
    assert (found["errors"], found["fallbacks"], found["weight"]) == (0, 0, 0.5)
    assert found["quality"]["value"] == pytest.approx(sum(right) / len(right))
    assert found["quality"]["low"] < found["quality"]["value"] <= found["quality"]["high"]
    assert found["latency_ms"]["p50"] > 0


def test_worse_version_is_found_out_with_its_interval(report: dict[str, Any]) -> None:
    (accuracy,) = [d for d in report["differences"] if d["measure"] == "accuracy"]
    assert (accuracy["variant"], accuracy["against"]) == ("new", "old")
    assert accuracy["clear"] is True
    assert accuracy["low"] < accuracy["value"] < accuracy["high"] < 0
    assert accuracy["method"] == "newcombe"


def test_shares_are_those_of_the_weights(report: dict[str, Any]) -> None:
    assert sum(report["shares"]["keys"].values()) == KEYS
    assert report["shares"]["probability"] > CAUTIOUS_CHANCE
    assert report["shares"]["suspicious"] is False
    assert report["moved"] == 0


def test_result_is_drawn_for_people(stack: Stack, online: Online, report: dict[str, Any]) -> None:
    shown = stack.run("experiment", online.name).stdout
    assert "difference from old" in shown
    assert "●" in shown
    assert variant(report, "new")["versions"][0][:5] in shown


def test_result_can_still_be_read_when_the_experiment_is_over(
    stack: Stack, online: Online, report: dict[str, Any]
) -> None:
    before = stack.deployment(online.name)["policies"]
    in_force(stack, online.name, {})
    try:
        refused = stack.run("experiment", online.name, check=False)
        assert refused.returncode == 2
        assert "--name" in refused.stdout + refused.stderr
        again = stack.json("experiment", online.name, "--name", "flowers")
    finally:
        in_force(stack, online.name, before)
    assert again["shares"] is None
    assert {v["name"]: v["exposures"] for v in again["variants"]} == {
        v["name"]: v["exposures"] for v in report["variants"]
    }


class TestLabels:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"labels": []}, "labels"),
            ({"labels": [{"request_id": "r"}]}, "labels[0].label"),
            ({"labels": [{"request_id": "r", "label": 1, "row": -1}]}, "labels[0].row"),
        ],
    )
    def test_422_by_field_when_a_label_is_wrong(
        self, stack: Stack, body: dict[str, Any], field: str
    ) -> None:
        answer = stack.http.post("/labels", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field

    def test_403_when_there_is_no_key(self, stack: Stack) -> None:
        labels = {"labels": [{"request_id": "r", "label": 1}]}
        assert stack.http.post("/labels", json=labels, headers={"x-api-key": ""}).status_code == 403
