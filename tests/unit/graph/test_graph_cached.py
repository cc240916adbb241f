"""Models of a graph are not asked again for rows that they have answered, where policies say so."""

from __future__ import annotations

import pytest
from fakes.cache_plant import CachePlant
from fakes.signatures import FLOWER, FLOWERS
from servery.domain.entities import EntityColumn
from servery.domain.graphs import Lookup
from servery.domain.policies import CachePolicy
from servery.domain.signature import Dtype, Output, Signature, Task
from servery.errors import DeadlineExceededError, HopUnavailableError, InvalidInputError
from servery.usecases.graph.calling import ModelCaller
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.sending import Question

FEATURES = Signature(
    task=Task.PREPROCESSING,
    inputs=FLOWERS.inputs,
    output=Output(name="features", dtype=Dtype.FLOAT, features=["a", "b"]),
)


def hop(**changes) -> ModelHop:
    inputs = {name: f"input.{name}" for name in FLOWER}
    said = {"name": "kind", "model": "iris", "version": "", "wanted": (), "deadline_ms": None}
    return ModelHop(**{**said, "inputs": inputs, "numbers": frozenset(FLOWER), **changes})


def caller(plant: CachePlant) -> ModelCaller:
    cache = plant.cache()
    return ModelCaller(plant, plant.servers, lambda: 0.0, lambda: cache)


def flowers(*lengths: float) -> Question:
    return Question([{**FLOWER, "sepal_length": length} for length in lengths])


def ask(model: ModelCaller, plant: CachePlant, question: Question, **changes):
    inference = model.ask(hop(**changes), question, request_id="r", until=5.0)
    plant.table.flush()
    return inference


@pytest.fixture
def plant():
    return CachePlant(FLOWERS, CachePolicy())


def test_model_is_asked_for_new_rows_alone(plant):
    model = caller(plant)
    first = ask(model, plant, flowers(1, 2))
    second = ask(model, plant, flowers(2, 1))
    third = ask(caller(plant), plant, flowers(1, 2, 3))

    assert plant.rows == [2, 1]
    assert second.rows == first.rows[::-1]
    assert third.rows[:2] == first.rows
    assert second.model_version == first.model_version


def test_features_are_kept_when_a_preprocessor_has_a_cache():
    plant = CachePlant(FEATURES, CachePolicy())
    model = caller(plant)
    first = ask(model, plant, flowers(1, 2), preprocesses=True)
    second = ask(model, plant, flowers(1, 2), preprocesses=True)

    assert plant.rows == [2]
    assert second.rows == first.rows
    assert set(first.rows[0]["features"]) == {"a", "b"}


def test_gateway_and_graphs_share_what_is_known(plant):
    plant.ask(plant.gateway(), {"records": flowers(1).rows})

    ask(caller(plant), plant, flowers(1))

    assert plant.rows == [1]


@pytest.mark.parametrize("policy", [CachePolicy(), None])
def test_nobody_is_asked_and_nothing_kept_is_answered_when_a_model_is_switched_off(policy):
    plant = CachePlant(FLOWERS, policy)
    model = caller(plant)
    ask(model, plant, flowers(1))
    plant.switch_off()

    with pytest.raises(HopUnavailableError, match="kind cannot answer: iris is switched off"):
        ask(model, plant, flowers(1))
    assert plant.rows == [1]


def test_model_is_asked_each_time_when_its_deployment_has_no_cache():
    plant = CachePlant(FLOWERS, None)
    model = caller(plant)
    for _ in range(2):
        ask(model, plant, flowers(1))

    assert plant.rows == [1, 1]


def test_model_is_asked_each_time_when_its_server_looks_up_what_no_row_says(plant):
    lookup = Lookup(
        entity="garden",
        key="input.garden",
        columns=[EntityColumn(name="petal_width", dtype=Dtype.FLOAT)],
    )
    model = caller(plant)
    question = flowers(1)
    keyed = Question(question.rows, keys=["north"])
    for _ in range(2):
        ask(model, plant, keyed, lookup=lookup)

    assert plant.rows == [1, 1]


def test_refusal_is_the_models_own_when_a_row_is_wrong(plant):
    model = caller(plant)
    ask(model, plant, flowers(1))

    with pytest.raises(InvalidInputError) as refused:
        ask(model, plant, flowers(1, 11))
    assert refused.value.violations[0].field == "records[1].sepal_length"


def test_others_need_not_wait_when_the_model_is_too_slow(plant):
    model = caller(plant)
    plant.servers.answer = lambda event: DeadlineExceededError("model server", 1.0)
    with pytest.raises(DeadlineExceededError):
        ask(model, plant, flowers(1))
    plant.table.flush()

    assert not plant.table.flights


def test_answer_is_whole_when_a_stand_in_answers_for_what_is_missing(plant):
    model = caller(plant)
    ask(model, plant, flowers(1))
    plant.stand_in = "0.0.9-dabc1234.sdef5678"

    said = ask(model, plant, flowers(1, 2))

    assert {row["model_version"] for row in said.rows} == {plant.stand_in}
    assert said.degraded
