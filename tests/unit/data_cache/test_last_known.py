"""The last answers: by row, in either form, whichever version gave them, and never a wrong one."""

from __future__ import annotations

import json

import pytest
from fakes.cache_plant import CachePlant
from fakes.records import VERSION
from fakes.signatures import FLOWER, FLOWERS
from msgspec.structs import replace
from servery.adapters.kept_manifests import KeptManifests
from servery.ports import Inquiry
from servery.usecases.data_cache import CachedModels, LastAnswers

NEXT = "0.1.1-dabc1234.sdef5678"


@pytest.fixture
def plant():
    return CachePlant(FLOWERS, None)


@pytest.fixture
def last(plant):
    return process(plant)


def process(plant) -> LastAnswers:
    models = CachedModels(KeptManifests(plant.objects))
    return LastAnswers(
        models, plant.table, plant.clock, lambda error, _: plant.failures.append(error)
    )


def records(*lengths: float) -> str:
    return json.dumps({"records": [{**FLOWER, "sepal_length": n} for n in lengths]})


def tensors(*lengths: float) -> str:
    rows = [{**FLOWER, "sepal_length": n} for n in lengths]
    inputs = [
        {"name": n, "shape": [len(rows)], "datatype": "FP64", "data": [r[n] for r in rows]}
        for n in FLOWER
    ]
    return json.dumps({"inputs": inputs})


def inquiry(plant, body: str) -> Inquiry:
    deployment = plant.registry.deployment("iris")
    return Inquiry(
        deployment=deployment,
        served=deployment.champion,
        body=body,
        base64=False,
        request_id="request",
        served_by="fallback:last_known",
        seconds=10.0,
    )


def answer(plant, last, body: str) -> dict:
    said = plant.ask(plant.gateway(), body)[1]
    last.keep(inquiry(plant, body), said)
    plant.table.flush()
    return json.loads(said)


def test_last_answer_is_known_by_every_process_and_marked(plant, last):
    said = answer(plant, last, records(1, 2))

    known = json.loads(process(plant).recall(inquiry(plant, records(2, 1))))

    assert known["predictions"] == said["predictions"][::-1]
    assert (known["degraded"], known["served_by"]) == (True, "fallback:last_known")


def test_last_answer_is_of_the_version_that_gave_it(plant, last):
    answer(plant, last, records(1))
    plant.release(NEXT)
    plant.clock.advance(1)
    answer(plant, last, records(2))

    known = json.loads(last.recall(inquiry(plant, records(1, 2))))

    assert [row["model_version"] for row in known["predictions"]] == [VERSION, NEXT]
    assert known["model_version"] == NEXT


def test_nothing_is_known_when_a_row_is_new(plant, last):
    answer(plant, last, records(1))

    assert last.recall(inquiry(plant, records(1, 2))) is None
    assert last.recall(inquiry(plant, "{}")) is None


def test_tensors_are_known_once_tensors_were_answered(plant, last):
    answer(plant, last, records(1))
    assert process(plant).recall(inquiry(plant, tensors(1))) is None

    said = answer(plant, last, tensors(2))
    known = json.loads(process(plant).recall(inquiry(plant, tensors(2))))
    assert known["outputs"] == said["outputs"]
    assert last.recall(inquiry(plant, tensors(1, 2))) is not None  # the type of numbers is known


def test_nothing_is_known_when_the_model_takes_or_gives_something_else(plant, last):
    answer(plant, last, records(1))
    output = replace(FLOWERS.output, classes=["setosa", "virginica", "versicolor"])
    plant.signature = replace(FLOWERS, output=output)
    plant.release(NEXT)

    assert last.recall(inquiry(plant, records(1))) is None


def test_same_answer_is_written_once_an_hour(plant, last):
    for _ in range(3):
        answer(plant, last, records(1))
    last.keep(inquiry(plant, records(1)), plant.ask(plant.gateway(), records(1))[1])
    assert len(plant.table.rows) == 1
    plant.table.rows.clear()
    answer(plant, last, records(1))
    assert not plant.table.rows

    plant.clock.advance(3601)
    answer(plant, last, records(1))
    assert len(plant.table.rows) == 1


def test_answer_of_a_stand_in_is_not_kept(plant, last):
    plant.stand_in = NEXT
    answer(plant, last, records(1))

    assert not plant.table.rows


def test_nothing_is_raised_when_the_table_is_away(plant, last):
    plant.table.down = True
    answer(plant, last, records(1))

    assert last.recall(inquiry(plant, records(1))) is None
