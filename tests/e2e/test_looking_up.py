"""Models whose own server looks up the data that a request only names."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from conftest import EXAMPLES, Stack, wait_until
from test_lifecycle import rows_of
from trouble import down, states, timed

LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def step(**more: Any) -> dict[str, Any]:
    """Iris, whose server looks the lengths of the flower up."""
    columns = [{"name": name, "dtype": "float", "unit": "cm"} for name in LENGTHS]
    lookup = {"entity": "flower", "key": "request.flower", "columns": columns}
    return {"name": "species", "model": "iris", "lookup": lookup, **more}


@pytest.fixture(scope="module")
def flowers(stack: Stack, iris: dict[str, Any]) -> None:
    """The data of the example's flowers."""
    data = str(EXAMPLES / "data" / "flowers.csv")
    stack.json("entities", "load", data, "--entity", "flower", "--key", "flower")


def test_answers_are_those_of_the_model_when_its_server_looks_its_inputs_up(
    stack: Stack, flowers: None, register: Any
) -> None:
    graph = register(step())
    keys = [{"flower": f"f{number:03d}"} for number in range(1, 151)]
    looked_up = stack.ask(graph, *keys)
    given = stack.infer("iris", {"records": rows_of("iris", 150)[0]})
    assert looked_up.status_code == 200, looked_up.text
    assert looked_up.json()["predictions"] == given.json()["predictions"]
    assert states(looked_up) == {"species": "ok"}


def test_one_input_comes_with_the_request_when_it_is_mapped(
    stack: Stack, flowers: None, register: Any
) -> None:
    given = step(inputs={"petal_length": "request.length"})
    graph = register(given)
    answer = stack.ask(graph, {"flower": "f001", "length": 6.9})
    record = {**rows_of("iris", 1)[0][0], "petal_length": 6.9}
    alone = stack.infer("iris", {"records": [record]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == alone.json()["predictions"]


def test_row_and_column_are_named_when_there_is_no_such_entity(
    stack: Stack, flowers: None, register: Any
) -> None:
    answer = stack.ask(register(step()), {"flower": "f001"}, {"flower": "f999"})
    assert answer.status_code == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == ["records[1].flower"]
    assert "f999" not in answer.text


def test_hop_is_named_when_the_kept_data_are_garbage(
    stack: Stack, flowers: None, register: Any
) -> None:
    graph = register(step())
    key = f"bad-{uuid.uuid4().hex[:6]}"
    kept = {**dict.fromkeys(LENGTHS, 1.0), "petal_length": "long"}
    assert stack.http.put(f"/entities/flower/{key}", json=kept).status_code == 204
    answer = stack.ask(graph, {"flower": key})
    assert answer.status_code == 502, answer.text
    assert answer.json()["hop"] == "species"


def test_columns_are_named_when_they_do_not_fit_the_model(
    stack: Stack, flowers: None, register: Any
) -> None:
    wrong = step()
    wrong["lookup"]["columns"][2]["unit"] = "inch"
    spec = {"name": "e2e-unit", "owner": "e2e", "steps": [wrong]}
    answer = stack.http.post("/graphs", json=spec)
    assert answer.status_code == 422, answer.text
    assert "petal_length" in answer.text


@pytest.mark.needs("local_processes")
def test_hop_is_named_in_time_when_the_server_is_slow(
    stack: Stack, flowers: None, register: Any
) -> None:
    graph = register(step(), deadline_ms=4000)
    row = {"flower": "f001"}
    wait_until(lambda: stack.ask(graph, row).is_success, seconds=60, what="the server is warm")
    with stack.frozen("iris"):
        answer, seconds = timed(lambda: stack.ask(graph, row))
    assert answer.status_code == 504, answer.text
    assert answer.json()["hop"] == "species"
    assert seconds < 8
    wait_until(lambda: stack.ask(graph, row).is_success, seconds=60, what="it is back")


@pytest.mark.needs("local_processes")
def test_hop_is_named_when_the_server_is_down(stack: Stack, flowers: None, register: Any) -> None:
    graph = register(step(), deadline_ms=15_000)
    with down(stack, "iris", rows_of("iris", 1)[0][0]):
        answer = stack.ask(graph, {"flower": "f001"})
    assert answer.status_code == 503, answer.text
    assert answer.json()["hop"] == "species"
