"""Who waits for a graph cannot be answered by a model that is too much for that; a job can."""

from __future__ import annotations

import pytest
from fakes.graph_plant import Plant, values
from msgspec.structs import replace
from servery.domain.manifest import Latency, RuntimeFigures
from servery.domain.policies import OnlineBudget, Policies
from servery.usecases.graph.asking import GraphAsk


@pytest.fixture
def plant():
    plant = Plant()
    for name in ("first", "second"):
        plant.model(name, values(lambda row: 1.0))
    steps = [{"name": "one", "model": "first"}, {"name": "two", "model": "second"}]
    plant.graph({"steps": steps}, {}, "x:float")
    return plant


def slow(plant: Plant, model: str, p99_ms: float = 41.0) -> None:
    latency = Latency(p50_ms=1, p99_ms=p99_ms)
    figures = RuntimeFigures(one_row=latency, thousand_rows=latency, load_ms=1, size_bytes=1)
    before = plant.deployments[model]
    plant.deployments[model] = replace(
        before,
        champion=replace(before.champion, figures=figures),
        policies=Policies(online=OnlineBudget(p99_ms=20)),
    )


@pytest.mark.parametrize("model", ["first", "second"])
def test_422_before_anybody_is_asked_when_one_model_is_too_much(plant, model):
    slow(plant, model)

    status, problem = plant.ask({"x": 1.0})

    assert (status, problem["type"]) == (422, "urn:servery:problem:online-budget")
    assert f"{model} " in problem["detail"]
    assert "one row takes 41 ms (p99), allowed are 20 ms" in problem["detail"]
    assert problem["routes"] == {"graph_jobs": "/v2/graphs/g/jobs"}
    assert plant.models["first"].asked == plant.models["second"].asked == []


def test_answered_when_every_model_is_within_its_budget(plant):
    slow(plant, "first", p99_ms=20.0)

    assert plant.ask({"x": 1.0})[0] == 200


def test_a_job_is_answered_when_nobody_waits(plant):
    slow(plant, "first")
    asker = plant.asker()
    asked = GraphAsk(records=[{"x": 1.0}], id=None, steps=False, request_id="r", seconds=20)

    assert asker.ask(asker.find("g"), asked).answer is not None


def test_step_tells_of_it_when_a_model_is_not_released(plant):
    del plant.deployments["second"]

    status, problem = plant.ask({"x": 1.0})

    assert (status, problem["hop"]) == (503, "two")
