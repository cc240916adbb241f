"""Searches on a deployed stack: what they find, what fails in them, and that they end."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Stack, wait_until

FINAL = {"succeeded", "refused", "failed"}
LINEAR = "sklearn.linear_model.LogisticRegression"
SVC = "sklearn.svm.SVC"
FOREST = "sklearn.ensemble.RandomForestClassifier"
STRENGTHS = {"float": [0.001, 1000.0], "log": True}
# What `precomputed` wants is a square matrix, and not rows.
REFUSED = {"class": SVC, "params": {"kernel": {"choice": ["rbf", "precomputed"]}}}


def searched(stack: Stack, name: str, *candidates: dict[str, Any], **rules: Any) -> dict[str, Any]:
    """The spec of iris under another name, with a search."""
    spec = stack.spec("iris", name=name)
    spec["search"] = {"candidates": list(candidates), "folds": 3, "seed": 5, **rules}
    return spec


def search(stack: Stack, spec: dict[str, Any], *more: str) -> dict[str, Any]:
    """Search by the command line; the whole search, whatever came of it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        done = stack.run("search", file.name, "--json", *more, check=False)
    assert done.stdout, done.stderr
    record = dict(json.loads(done.stdout))
    assert "error" not in record, record
    assert done.returncode == (0 if record["state"] == "succeeded" else 1), done.stderr
    return record


def begun(stack: Stack, spec: dict[str, Any]) -> str:
    """Start a search over HTTP on a spec whose data is where an earlier search has put it."""
    answer = stack.http.post(f"/models/{spec['name']}/searches", json={"spec": spec})
    assert answer.status_code == 202, answer.text
    path = f"/models/{spec['name']}/searches/{answer.json()['id']}"
    assert str(answer.url.join(answer.headers["location"])).endswith(path)
    return path


def until(
    stack: Stack, path: str, enough: Callable[[dict[str, Any]], Any], *, seconds: float = 120
) -> dict[str, Any]:
    """A search as soon as it is so far."""

    def look() -> dict[str, Any] | None:
        found = stack.http.get(path).raise_for_status().json()
        return found if enough(found) else None

    return dict(wait_until(look, seconds=seconds, what=f"{path} is so far"))


@pytest.fixture(scope="module")
def partly(stack: Stack) -> dict[str, Any]:
    """A grid of which a part fails, with its winner registered."""
    linear = {"class": LINEAR, "params": {"C": {"choice": [0.0001, 10.0]}, "max_iter": 1000}}
    spec = searched(
        stack, "iris-partly", REFUSED, linear, algorithm="grid", trials=4, at_once=2, register=True
    )
    return search(stack, spec)


def test_search_succeeds_when_some_of_its_trials_fail(partly: dict[str, Any]) -> None:
    states = {json.dumps(t["point"], sort_keys=True): t for t in partly["trials"]}
    failed = states.pop('{"kernel": "precomputed"}')

    assert partly["state"] == "succeeded", partly["reason"]
    assert partly["counts"] == {"proposed": 4, "done": 3, "failed": 1, "skipped": 0, "running": 0}
    assert failed["state"] == "failed"
    assert "square matrix" in failed["reason"]
    assert failed["mean"] is None
    for trial in states.values():
        assert trial["state"] == "done"
        assert len(trial["scores"]) == 3
        assert trial["mean"] == pytest.approx(sum(trial["scores"]) / 3)
        assert trial["cost_usd"] > 0
        assert trial["seconds"] > 0
    assert partly["cost_usd"] == pytest.approx(sum(t["cost_usd"] for t in partly["trials"]))


def test_best_over_the_folds_wins_and_is_tested_once(partly: dict[str, Any]) -> None:
    winner = partly["winner"]
    best = max(t["mean"] for t in partly["trials"] if t["mean"] is not None)

    assert winner["mean"] == best
    assert winner["test_rows"] == 45
    assert winner["metrics"]["accuracy"] > 0.9
    assert winner["passed"]
    assert partly["started"] < winner["tested"] <= partly["finished"]
    assert all("metrics" not in trial for trial in partly["trials"])


def test_version_says_that_a_search_made_it_when_it_was_to_be_registered(
    stack: Stack, partly: dict[str, Any]
) -> None:
    answer = stack.http.get("/models/iris-partly").raise_for_status().json()
    (version,) = [v for v in answer["versions"] if v["version"] == partly["version"]]
    assert version["origin"] == "search"
    estimator = answer["spec"]["estimator"]
    assert estimator == {"class": partly["winner"]["class"], "params": partly["winner"]["params"]}


@pytest.mark.slow
def test_table_page_and_spec_are_written_when_a_search_is_shown(
    stack: Stack, partly: dict[str, Any], tmp_path: Path
) -> None:
    page, chosen = tmp_path / "search.html", tmp_path / "chosen.yaml"
    shown = stack.run(
        "search", "show", "iris-partly", "--html", str(page), "--spec", str(chosen)
    ).stdout

    assert partly["id"] in shown
    assert "square matrix" in " ".join(shown.split())  # which a table breaks into lines
    assert "3 done, 1 failed" in shown
    text = page.read_text()
    assert text.count("<svg") == 3
    assert "://" not in text
    trained = stack.json("train", str(chosen))
    assert trained["outcome"] == "registered"
    assert trained["metrics"]["accuracy"] == partly["winner"]["metrics"]["accuracy"]
    listed = stack.json("search", "list", "iris-partly")
    assert listed[0]["id"] == partly["id"]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["tpe", "random", "halving"])
def test_result_is_the_same_when_the_seed_is(stack: Stack, algorithm: str) -> None:
    candidates = (
        {"class": LINEAR, "params": {"C": STRENGTHS, "max_iter": 1000}},
        {"class": SVC, "params": {"C": STRENGTHS, "gamma": STRENGTHS}},
    )
    spec = searched(
        stack, f"iris-{algorithm}", *candidates, algorithm=algorithm, trials=7, at_once=2
    )

    def told(record: dict[str, Any]) -> list[Any]:
        assert record["state"] == "succeeded", record["reason"]
        return [(t["candidate"], t["point"], t["rung"], t["scores"]) for t in record["trials"]]

    first, again = search(stack, spec), search(stack, spec)
    other = search(stack, spec, "--seed", "6")
    assert told(first) == told(again)
    assert told(first) != told(other)
    assert first["winner"]["number"] == again["winner"]["number"]
    if algorithm == "halving":
        assert {t["rung"] for t in first["trials"]} == {0, 1}


@pytest.mark.slow
def test_search_ends_early_when_its_target_is_reached(stack: Stack) -> None:
    candidate = {"class": LINEAR, "params": {"C": {"float": [5.0, 50.0]}, "max_iter": 1000}}
    spec = searched(
        stack,
        "iris-target",
        candidate,
        algorithm="random",
        trials=50,
        at_once=2,
        stop={"target": 0.9},
    )
    record = search(stack, spec)

    assert record["state"] == "succeeded"
    assert record["ended"] == "target"
    assert len(record["trials"]) == 2


@pytest.mark.slow
def test_search_is_refused_when_all_of_its_trials_fail(stack: Stack) -> None:
    candidate = {"class": SVC, "params": {"kernel": "precomputed", "C": STRENGTHS}}
    record = search(stack, searched(stack, "iris-none", candidate, trials=2, at_once=2))

    assert record["state"] == "refused"
    assert "all 2 trials failed" in record["reason"]
    assert "square matrix" in record["reason"]
    assert record["winner"] is None
    assert stack.run("search", "show", "iris-none", "--spec", "x.yaml", check=False).returncode == 1


@pytest.mark.slow
def test_best_so_far_wins_when_a_search_is_stopped(stack: Stack, partly: dict[str, Any]) -> None:
    candidate = {"class": LINEAR, "params": {"C": STRENGTHS, "max_iter": 1000}}
    rules = {"algorithm": "tpe", "trials": 500, "at_once": 1}
    spec = {
        **searched(stack, "iris-stopped", candidate, **rules),
        "data": partly["spec"]["data"],
    }
    path = begun(stack, spec)
    until(stack, path, lambda found: found["counts"]["done"] >= 2)
    stack.run("search", "stop", "iris-stopped")
    record = until(stack, path, lambda found: found["state"] in FINAL)

    assert record["state"] == "succeeded", record["reason"]
    assert record["ended"] == "stopped"
    assert 2 <= record["counts"]["done"] < 500
    assert record["winner"]["metrics"]["accuracy"] > 0
    assert stack.run("search", "stop", "iris-stopped", check=False).returncode == 1


@pytest.mark.slow
def test_search_goes_on_when_it_is_resumed_after_its_execution_was_aborted(
    stack: Stack, partly: dict[str, Any]
) -> None:
    candidate = {"class": LINEAR, "params": {"C": STRENGTHS, "max_iter": 1000}}
    rules = {"algorithm": "tpe", "trials": 24, "at_once": 1}
    spec = {
        **searched(stack, "iris-aborted", candidate, **rules),
        "data": partly["spec"]["data"],
    }
    path = begun(stack, spec)
    assert stack.run("search", "resume", "iris-aborted", check=False).returncode == 1
    known = until(stack, path, lambda found: found["counts"]["done"] >= 2)
    machine = stack.status["outputs"]["SearchStateMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{known['id']}"
    stack.client("stepfunctions").stop_execution(executionArn=execution)
    failed = until(stack, path, lambda found: found["state"] in FINAL)
    stack.run("search", "resume", "iris-aborted")
    record = until(stack, path, lambda found: found["state"] in FINAL)

    assert (failed["state"], "aborted" in failed["reason"]) == ("failed", True)
    assert record["state"] == "succeeded", record["reason"]
    assert record["counts"]["done"] == 24
    assert record["trials"][:2] == failed["trials"][:2]


@pytest.mark.needs("local_processes")
def test_trial_fails_alone_when_its_function_is_killed(
    stack: Stack, partly: dict[str, Any]
) -> None:
    trees = {"choice": [5, 6, 10_000]}
    candidate = {"class": FOREST, "params": {"n_estimators": trees}}
    spec = {
        **searched(
            stack, "iris-crashed", candidate, algorithm="grid", trials=3, at_once=1, folds=20
        ),
        "data": partly["spec"]["data"],
    }
    path = begun(stack, spec)
    until(stack, path, lambda found: found["counts"]["done"] == 2)

    def failed() -> bool:
        # A process may be between two trials, or be another attempt at this one.
        for process in stack.processes_of("SearchRunTrialFunction"):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return bool(stack.http.get(path).raise_for_status().json()["counts"]["failed"])

    wait_until(failed, seconds=90, what="the trial has lost its function for good")
    record = until(stack, path, lambda found: found["state"] in FINAL)

    assert record["state"] == "succeeded", record["reason"]
    assert [trial["state"] for trial in record["trials"]] == ["done", "done", "failed"]
    assert record["trials"][2]["reason"]
    assert record["winner"]["params"]["n_estimators"] in (5, 6)


def test_fields_are_named_when_a_search_cannot_be(stack: Stack, partly: dict[str, Any]) -> None:
    without = {k: v for k, v in partly["spec"].items() if k != "search"}
    wrong = {"class": LINEAR, "params": {"C": {"float": [10, 1]}}}
    for spec, field in (
        (without, "spec.search"),
        ({**without, "search": {"candidates": [wrong]}}, "search.candidates[0].params.C"),
        ({**partly["spec"], "name": "another"}, "spec.name"),
    ):
        answer = stack.http.post("/models/iris-partly/searches", json={"spec": spec})
        assert answer.status_code == 422, answer.text
        assert field in [error["field"] for error in answer.json()["errors"]]
    for path in ("/models/iris-partly/searches/none", "/models/none/searches/none"):
        assert stack.http.get(path).status_code == 404
    assert stack.http.get("/models/none/searches").json()["searches"] == []
