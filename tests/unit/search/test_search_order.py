"""Which trial is better, and when enough is enough: for metrics of either direction."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.search_halving import plan, survivors
from servery.domain.search_records import Ended, Trial, TrialState
from servery.domain.search_spec import Stop
from servery.domain.search_stop import stops, without_progress
from servery.usecases.search.propose import best_of

RMSE = [5.0, None, 3.0, 3.0, 4.0]


def trials(means, rung=0):
    return [
        Trial(
            number=number,
            round=1,
            rung=rung,
            candidate=0,
            class_path="a.B",
            state=TrialState.FAILED if mean is None else TrialState.DONE,
            mean=mean,
            cost_usd=0.5,
        )
        for number, mean in enumerate(means)
    ]


def test_least_wins_when_less_is_better():
    given = trials(RMSE)

    assert best_of(given, higher_is_better=False).number == 2
    assert best_of(given, higher_is_better=True).number == 0
    assert [t.number for t in survivors(given, 3, higher_is_better=False)] == [2, 3, 4]
    assert [t.number for t in survivors(given, 9, higher_is_better=True)] == [0, 4, 2, 3]


def test_best_is_of_the_highest_rung_that_has_a_score_when_it_is_worse():
    low = trials([1.0, 2.0])
    high = [Trial(**{**_fields(t), "number": 2 + t.number}) for t in trials([4.0, None], rung=1)]
    failed = [Trial(**{**_fields(t), "number": 4}) for t in trials([None], rung=2)]

    assert best_of([*low, *high, *failed], higher_is_better=False).number == 2


def _fields(trial):
    return {name: getattr(trial, name) for name in trial.__struct_fields__}


def test_nothing_better_is_counted_from_the_best_when_trials_fail_or_equal_it():
    assert without_progress(trials(RMSE), higher_is_better=False) == 2
    assert without_progress(trials(RMSE), higher_is_better=True) == 4
    assert without_progress(trials([None, None]), higher_is_better=True) == 2


@pytest.mark.parametrize(
    ("stop", "higher", "ended"),
    [
        (Stop(target=3.0), False, Ended.TARGET),
        (Stop(target=2.9), False, None),
        (Stop(target=5.0), True, Ended.TARGET),
        (Stop(target=5.1), True, None),
        (Stop(patience=2), False, Ended.PATIENCE),
        (Stop(patience=3), False, None),
        (Stop(cost_usd=2.5), False, Ended.COST),
        (Stop(cost_usd=2.6), False, None),
        (Stop(seconds=60), False, Ended.SECONDS),
        (Stop(seconds=61), False, None),
        (Stop(), True, None),
    ],
)
def test_rule_is_met_at_its_bound_and_not_before(stop, higher, ended):
    assert stops(stop, trials(RMSE), seconds=60, higher_is_better=higher) is ended


@given(
    trials=st.integers(1, 500),
    factor=st.integers(2, 10),
    lowest=st.integers(1, 300),
    more=st.integers(0, 5000),
    given=st.booleans(),
)
def test_rungs_have_fewer_trials_with_more_when_halved(trials, factor, lowest, more, given):
    highest = lowest + more
    rungs = plan(trials, factor=factor, lowest=lowest, highest=highest, given=given)

    assert sum(rung.trials for rung in rungs) <= trials
    assert rungs[-1].resource == highest
    assert all(rung.trials >= 1 for rung in rungs)
    for before, after in pairwise(rungs):
        assert after.trials == before.trials // factor
        assert after.resource > before.resource
    assert all(rung.resource >= min(lowest, highest) for rung in rungs)
