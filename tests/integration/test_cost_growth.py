"""What one more chunk, and one more job, takes of AWS: always the same, and no more than it did."""

from __future__ import annotations

import json

import pytest
from benchmarks.counted_work import batch, jobs, per_unit
from fakes.moto_aws import moto_account
from fakes.template import ROOT
from servery.usecases.batch.cutting import Sizes

BUDGET = json.loads((ROOT / "infra" / "budgets" / "calls.json").read_text())
SMALL_CHUNKS = Sizes(target=400, window=64)


@pytest.fixture(autouse=True)
def account(monkeypatch):
    moto_account(monkeypatch)


@pytest.fixture(scope="module")
def chunks():
    return [batch(rows, SMALL_CHUNKS) for rows in (200, 600, 1400)]


def test_chunk_takes_the_same_when_the_file_is_larger(chunks):
    small, middle, large = chunks
    assert large.units > 2 * middle.units > 4 * small.units

    assert per_unit(middle, large) == pytest.approx(per_unit(small, middle), rel=0.05)


def test_chunk_takes_no_more_of_aws_than_its_budget_when_a_batch_is_run(chunks):
    small, _, large = chunks
    taken = per_unit(small, large)

    assert taken.keys() == BUDGET["chunk"].keys()
    assert not {name: took for name, took in taken.items() if took > BUDGET["chunk"][name] * 1.05}


def test_job_takes_no_more_of_aws_than_its_budget_when_there_are_many():
    one, some, many = (jobs(count) for count in (1, 11, 31))
    taken = per_unit(some, many)

    assert taken["dynamodb writes"] == pytest.approx(per_unit(one, some)["dynamodb writes"])
    assert taken.keys() == BUDGET["job"].keys()
    assert not {name: took for name, took in taken.items() if took > BUDGET["job"][name] * 1.05}
