"""What one more unit of each pattern takes of AWS: always the same, and no more than it did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from benchmarks import counted_patterns as patterns
from benchmarks.cost_growth import FILE, budget, idle_budget
from benchmarks.counted_patterns import Pattern, Subjects, Usage, less
from benchmarks.idle_stack import Scheduled, scheduled
from benchmarks.whole_stack import whole_stack
from fakes.moto_aws import moto_account

BUDGET: dict[str, Usage] = json.loads(FILE.read_text())
GROWTH = 1.05
HOW = "write it anew with `PYTHONPATH=tests python -m benchmarks.cost_growth --write` if wanted"
CLOCK = "by the clock: "


@pytest.fixture(scope="module")
def grounds() -> Iterator[tuple[Subjects, dict[str, Scheduled]]]:
    """A stack, and what it took while there was nothing in it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        moto_account(monkeypatch)
        with whole_stack() as stack:
            yield Subjects(stack), scheduled(stack)


@pytest.fixture
def subjects(grounds: tuple[Subjects, dict[str, Scheduled]]) -> Subjects:
    return grounds[0]


def overdrawn(found: Mapping[str, Usage], allowed: Mapping[str, Usage] = BUDGET) -> list[str]:
    """What takes more than its budget, a sentence each."""
    wrong = [f"{name} has no budget" for name in found if name not in allowed]
    return wrong + [
        f"{name}: {amount:g} {what} rather than {allowed[name].get(what, 0):g}"
        for name, taken in found.items()
        for what, amount in taken.items()
        if name in allowed and amount > allowed[name].get(what, 0) * GROWTH
    ]


def counts(usage: Usage) -> Usage:
    """What of it does not hang on the machine."""
    return {name: usage[name] for name in patterns.COUNTED}


@pytest.mark.parametrize("part", ["requests", "caches"])
def test_request_keeps_within_its_budget_when_it_is_like_the_one_before(subjects, part):
    found = getattr(patterns, part)(subjects)

    assert not overdrawn(budget(found)), HOW


def test_thousand_rows_of_one_request_take_as_many_calls_as_one_when_they_are_asked(subjects):
    found = patterns.requests(subjects, times=4)

    assert found["request"].calls() == found["request of 1,000 rows"].calls()


@pytest.mark.slow
def test_job_takes_the_same_and_keeps_within_its_budget_when_there_are_more(subjects):
    found = patterns.jobs(subjects)
    one, some, many = (found["job"].runs[count] for count in (1, 100, 200))

    assert not overdrawn(budget(found)), HOW
    first, later = less(some, one, 99), less(many, some, 100)
    assert counts(later) == pytest.approx(counts(first), rel=0.05)


@pytest.mark.slow
def test_chunk_keeps_within_its_budget_when_a_batch_has_several(subjects):
    found = patterns.batches(subjects)

    assert not overdrawn(budget(found)), HOW
    assert counts(found["batch"].runs[1]) == counts(found["batch"].runs[1000])


def test_stack_keeps_within_its_budget_when_nobody_asks_anything(grounds):
    _, idle = grounds
    found = idle_budget(idle)

    assert found.keys() == {name for name in BUDGET if name.startswith(CLOCK)}
    assert not overdrawn(found), HOW


@pytest.mark.slow
@pytest.mark.parametrize("part", ["graphs", "graph_jobs", "staged", "trainings"])
def test_pattern_keeps_within_its_budget_when_models_are_trained_for_it(subjects, part):
    found = getattr(patterns, part)(subjects)

    assert not overdrawn(budget(found)), HOW


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"job": {"events": 1.04}}, []),
        ({"job": {"events": 1.06}}, ["job: 1.06 events rather than 1"]),
        ({"job": {"transitions": 1}}, ["job: 1 transitions rather than 0"]),
        ({"page": {}}, ["page has no budget"]),
    ],
)
def test_growth_is_told_when_a_budget_is_overdrawn(found: Any, words: list[str]) -> None:
    assert overdrawn(found, {"job": {"events": 1}}) == words


def test_whole_is_what_was_run_where_it_was_run_and_computed_elsewhere():
    pattern = Pattern("job", {"events": 2.0}, {"events": 5.0}, runs={10: {"events": 26.0}})

    assert pattern.whole(10) == {"events": 26.0}
    assert pattern.whole(1000) == {"events": 2005.0}
