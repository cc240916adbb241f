"""The sampler of Optuna: what it is told, and that nothing but that counts."""

from __future__ import annotations

import random

import msgspec
from servery.adapters.optuna_sampler import tpe
from servery.domain.search_records import Trial, TrialState
from servery.domain.search_spec import Candidate, Search

LINE = Candidate(
    class_path="a.Line", params={"x": {"float": [0, 10]}, "kind": {"choice": [1, True]}}
)
OTHER = Candidate(class_path="a.Other", params={"n": {"int": [1, 64], "log": True}})


def search(*candidates, **more):
    return Search(candidates=list(candidates), **{"trials": 60, "at_once": 4, **more})


def _run(spec, score, rounds=10):
    trials: list[Trial] = []
    for number in range(1, rounds + 1):
        draws = tpe(spec, trials, count=4, round_number=number, higher_is_better=False)
        for draw in draws:
            mean = score(draw)
            trials.append(
                Trial(
                    number=len(trials),
                    round=number,
                    candidate=draw.candidate,
                    class_path="a",
                    point=draw.point,
                    mean=mean,
                    state=TrialState.FAILED if mean is None else TrialState.DONE,
                )
            )
        trials = msgspec.json.decode(msgspec.json.encode(trials), type=list[Trial])
    return trials


def _distance(draw):
    return abs(draw.point["x"] - 7.3) if draw.candidate == 0 else 5.0


def test_later_trials_are_nearer_to_the_best_when_earlier_ones_were_told():
    trials = _run(search(LINE, OTHER), _distance)

    late = sorted(trial.mean for trial in trials[20:])
    early = sorted(trial.mean for trial in trials[:12])
    assert late[len(late) // 2] < early[len(early) // 2]
    assert sum(trial.candidate == 0 for trial in trials[20:]) > 15


def test_draws_are_the_same_when_the_records_are():
    spec = search(LINE, OTHER, seed=2)
    trials = _run(spec, _distance, rounds=5)
    arguments = {"count": 4, "round_number": 6, "higher_is_better": False}

    again = tpe(spec, trials, **arguments)
    random.seed(1)
    assert tpe(spec, trials, **arguments) == again
    assert tpe(msgspec.structs.replace(spec, seed=3), trials, **arguments) != again


def test_no_draw_comes_twice_when_there_are_few():
    small = Candidate(class_path="a.B", params={"k": {"choice": ["a", "b", "c"]}})
    trials = _run(search(small), lambda draw: float(ord(draw.point["k"])), rounds=3)

    assert sorted(trial.point["k"] for trial in trials) == ["a", "b", "c"]


def test_options_keep_their_type_when_python_takes_them_for_equal():
    trials = _run(search(LINE), lambda draw: draw.point["x"], rounds=6)

    assert {type(trial.point["kind"]) for trial in trials} == {int, bool}


def test_surroundings_are_left_when_trials_fail_there():
    trials = _run(search(LINE), lambda draw: None if draw.point["x"] < 6 else 1.0)

    late = trials[20:]
    assert sum(trial.mean is None for trial in late) < len(late) / 3
