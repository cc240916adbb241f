"""Several models in one answer, and one of them is slow, down, or answers garbage.

Nothing of the system is replaced: a slow server is one whose process is stopped, one that is down
has lost its model and its process, and garbage is what a release makes of the answers that a
graph was checked against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of
from trouble import down, states, timed

SPECIES = ("setosa", "versicolor", "virginica")
SETOSA, VIRGINICA = 0, -1
pytestmark = pytest.mark.needs("local_processes")


@pytest.fixture(scope="module")
def models(stack: Stack, released: Callable[[str], str]) -> dict[str, str]:
    """Model by species, released."""
    for species in SPECIES:
        released(f"iris-{species}")
    return {species: f"iris-{species}" for species in SPECIES}


@pytest.fixture
def flowers() -> list[dict[str, Any]]:
    """A setosa and a virginica."""
    records, _ = rows_of("iris", 150)
    return [records[SETOSA], records[VIRGINICA]]


def team(models: dict[str, str], **group: Any) -> dict[str, Any]:
    """Three models side by side; the surest is right."""
    members = [
        {"name": s, "model": models[s], "score": "probabilities.yes", "label": s} for s in SPECIES
    ]
    return {"name": "team", "group": {"members": members, "aggregate": "argmax", **group}}


def chain(models: dict[str, str], **second: Any) -> tuple[dict[str, Any], ...]:
    """A model behind another, for the rows that the first one says no to."""
    return (
        {"name": "first", "model": models["setosa"]},
        {
            "name": "second",
            "model": models["versicolor"],
            "when": {"of": "first.class", "equals": "no"},
            **second,
        },
    )


def warm(stack: Stack, models: dict[str, str]) -> None:
    """Each model has one process that is idle."""
    body = {"records": [rows_of("iris", 1)[0][0]]}
    for model in models.values():
        wait_until(
            lambda model=model: stack.infer(model, body).is_success,
            seconds=60,
            what=f"{model} is warm",
        )


# Slow


def test_hop_is_named_in_time_when_a_member_is_waited_for(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models), deadline_ms=5000)
    warm(stack, models)
    with stack.frozen(models["versicolor"]):
        answer, seconds = timed(lambda: stack.ask(name, *flowers))
    assert answer.status_code == 504, answer.text
    assert answer.json()["hop"] == "team"
    found = states(answer)
    assert (found["team.setosa"], found["team.virginica"]) == ("ok", "ok")
    assert found["team.versicolor"] in ("late", "failed")
    assert 4.9 <= seconds < 8


def test_group_goes_on_without_a_member_when_it_is_late(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models, slow="go_on", wait_ms=2500, quorum=2))
    warm(stack, models)
    stack.ask(name, *flowers)
    with stack.frozen(models["versicolor"]):
        answer, seconds = timed(lambda: stack.ask(name, *flowers))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [row["class"] for row in body["predictions"]] == ["setosa", "virginica"]
    assert all(row["missing"] == ["versicolor"] for row in body["predictions"])
    assert states(answer)["team.versicolor"] == "late"
    assert 2.5 <= seconds < 10  # and not the 20 s of the whole graph


@pytest.mark.slow
def test_everyone_is_in_again_when_the_member_is_quick_again(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models, slow="go_on", wait_ms=5000, quorum=2))
    warm(stack, models)
    with stack.frozen(models["versicolor"]):
        stack.ask(name, *flowers)
    warm(stack, models)
    answer = stack.ask(name, *flowers)
    assert set(states(answer).values()) == {"ok"}
    assert all("missing" not in row for row in answer.json()["predictions"])


def test_step_is_given_up_at_its_own_deadline_when_it_is_shorter(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(*chain(models, deadline_ms=1500))
    warm(stack, models)
    with stack.frozen(models["versicolor"]):
        answer, seconds = timed(lambda: stack.ask(name, *flowers))
    assert answer.status_code == 504, answer.text
    assert answer.json()["hop"] == "second"
    assert states(answer)["first"] == "ok"
    assert 1.4 <= seconds < 10


# Down


def test_hop_is_named_when_a_member_is_needed(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models), deadline_ms=15_000)
    with down(stack, models["versicolor"], flowers[0]):
        answer = stack.ask(name, *flowers)
    assert answer.status_code == 503, answer.text
    assert answer.json()["hop"] == "team"
    assert "retry-after" in answer.headers
    assert states(answer)["team.versicolor"] == "failed"


@pytest.mark.slow
def test_quorum_answers_and_the_missing_one_is_named_when_one_is_down(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models, quorum=2), deadline_ms=15_000)
    with down(stack, models["versicolor"], flowers[0]):
        answer = stack.ask(name, *flowers)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["predictions"]
    assert [row["class"] for row in rows] == ["setosa", "virginica"]
    assert all(row["missing"] == ["versicolor"] for row in rows)


def test_hop_is_named_when_a_step_is_down(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(*chain(models), deadline_ms=15_000)
    with down(stack, models["setosa"], flowers[0]):
        answer = stack.ask(name, *flowers)
    assert answer.status_code == 503, answer.text
    assert answer.json()["hop"] == "first"
    assert states(answer)["second"] == "not_run"


@pytest.mark.slow
def test_rows_that_do_not_need_it_are_answered_when_a_stop_is_allowed(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    steps = chain(models, on_failure="stop")
    name = register(*steps, output=["second"], deadline_ms=15_000)
    with down(stack, models["versicolor"], flowers[0]):
        answer = stack.ask(name, *flowers, params={"steps": "true"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["partial"] is True
    assert body["steps"][1]["state"] == "failed"
    assert [row["steps"]["first"]["class"] for row in body["predictions"]] == ["yes", "no"]
    assert not any("class" in row for row in body["predictions"])


@pytest.mark.slow
def test_default_stands_in_and_is_marked_when_there_is_one(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    default = {"class": "no", "probabilities": {"no": 1.0, "yes": 0.0}}
    steps = chain(models, on_failure="default", default=default)
    name = register(*steps, deadline_ms=15_000)
    with down(stack, models["versicolor"], flowers[0]):
        answer = stack.ask(name, *flowers)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["degraded"] is True
    assert body["predictions"][1]["class"] == "no"
    assert states(answer)["second"] == "default"


@pytest.mark.slow
def test_everything_is_answered_again_when_the_model_is_back(
    stack: Stack, models: dict[str, str], register: Any, flowers: list[Any]
) -> None:
    name = register(team(models), deadline_ms=15_000)
    with down(stack, models["versicolor"], flowers[0]):
        assert stack.ask(name, *flowers).status_code == 503
    answer = stack.ask(name, *flowers)
    assert answer.status_code == 200, answer.text
    assert [row["class"] for row in answer.json()["predictions"]] == ["setosa", "virginica"]


# Garbage: a release renames the classes that graphs count on


@pytest.mark.slow
def test_hop_is_named_when_an_answer_is_not_what_was_checked(
    stack: Stack,
    models: dict[str, str],
    renamed: Any,
    register: Any,
    flowers: list[Any],
) -> None:
    model, rename = renamed
    models = {**models, "versicolor": model}
    needed = register(team(models))
    enough = register(team(models, quorum=2))
    behind = register(
        {"name": "first", "model": model},
        {
            "name": "second",
            "model": models["setosa"],
            "when": {"of": "first.probabilities.yes", "above": 0.5},
        },
        output=["second", "first"],
    )
    for graph in (needed, enough, behind):
        assert stack.ask(graph, *flowers).status_code == 200

    rename()

    # The function may go by the deployment that it has at hand, for seconds.
    answer = wait_until(
        lambda: _unless(stack.ask(needed, *flowers), 200), seconds=20, what="it is renamed"
    )
    assert answer.status_code == 502, answer.text
    assert answer.json()["hop"] == "team"
    assert states(answer)["team.versicolor"] == "failed"
    answer = stack.ask(enough, *flowers)
    assert answer.status_code == 200, answer.text
    assert all(row["missing"] == ["versicolor"] for row in answer.json()["predictions"])
    answer = stack.ask(behind, *flowers)
    assert answer.status_code == 502, answer.text
    assert answer.json()["hop"] == "first"


def _unless(answer: httpx.Response, status: int) -> httpx.Response | None:
    return None if answer.status_code == status else answer
