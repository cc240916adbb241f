"""What a spec may not say about its search."""

from __future__ import annotations

import pytest
from fakes.searches import FOREST, TREE, search_spec
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError

DEPTH = {"class": TREE, "params": {"max_depth": {"int": [1, 20]}}}
ENCODER = {
    "class": TREE,
    "preprocessing": [
        {"columns": ["length", "width"]},
        {"columns": ["colour"], "steps": [{"class": "sklearn.preprocessing.OneHotEncoder"}]},
    ],
}


def _of(params, **more):
    return {"candidates": [{"class": TREE, "params": params}], **more}


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ({"candidates": [{"class": "os.system"}]}, "search.candidates[0].class"),
        (_of({"x": {"int": [2, 1]}}), "search.candidates[0].params.x"),
        (_of({"n_estimators": {"int": [1, 99_999]}}), "search.candidates[0].params.n_estimators"),
        (_of({"max_iter": {"choice": [1, 2, 9**9]}}), "search.candidates[0].params.max_iter"),
        (
            {"candidates": [DEPTH, ENCODER]},
            "search.candidates[1].preprocessing[1].steps[0].params.handle_unknown",
        ),
        (
            {"candidates": [{"class": TREE, "preprocessing": [{"columns": ["nowhere"]}]}]},
            "search.candidates[0].preprocessing[0].columns",
        ),
        (
            {"candidates": [{"class": TREE, "preprocessing": [{"column": ["length"]}]}]},
            "search.candidates[0].preprocessing",
        ),
        (_of({"x": {"float": [0, 1]}}, algorithm="grid"), "search.candidates[0].params"),
        (_of({"x": {"int": [1, 20]}}, algorithm="grid", trials=19), "search.trials"),
        (_of({}, algorithm="tpe", trials=10_000, at_once=4), "search.at_once"),
        (_of({}, algorithm="tpe", trials=10_000, at_once=51), "search.at_once"),
        (_of({}, algorithm="halving", stop={"patience": 3}), "search.stop.patience"),
        (_of({}, algorithm="halving", halving={"maximum": 3}), "search.halving.maximum"),
        (_of({}, algorithm="halving", halving={"resource": "m"}), "search.halving.maximum"),
        (
            _of({}, algorithm="halving", halving={"resource": "m", "minimum": 5, "maximum": 4}),
            "search.halving.minimum",
        ),
        (
            _of({"m": 1}, algorithm="halving", halving={"resource": "m", "maximum": 4}),
            "search.candidates[0].params.m",
        ),
        (_of({}, stop={"target": float("nan")}), "search.stop.target"),
        (_of({"x": {"int": [1, 10**400]}}), "search.candidates[0].params.x"),
        (_of({"x": {"int": [1, 2**53 + 1]}}), "search.candidates[0].params.x"),
        (_of({"x": {"float": [-1.7e308, 1.7e308]}}), "search.candidates[0].params.x"),
        (_of({"x": {"float": [0, 1], "step": 10**400}}), "search.candidates[0].params.x"),
        (
            _of({}, algorithm="random", trials=10_000, at_once=4, stop={"patience": 9}),
            "search.at_once",
        ),
        (
            _of({}, algorithm="halving", halving={"resource": "n_estimators", "maximum": 99_999}),
            "search.candidates[0].params.n_estimators",
        ),
        (_of({"max_depth": {"choice": list(range(1, 2002))}}), "search.candidates[0]"),
        (
            _of({"max_iter": {"choice": [*range(1, 1500), 9**9]}}),
            "search.candidates[0].params.max_iter",
        ),
        ({"candidates": [DEPTH, DEPTH]}, "search.candidates[1]"),
    ],
)
def test_search_is_refused_by_field_when_it_cannot_be_run(search, field):
    with pytest.raises(InvalidSpecError) as caught:
        read_spec(search_spec(**search))

    assert field in {violation.field for violation in caught.value.violations}


def test_grid_is_refused_in_words_when_its_size_has_more_digits_than_can_be_said():
    wide = {f"x{number}": {"int": [0, 9999]} for number in range(1200)}

    with pytest.raises(InvalidSpecError) as caught:
        read_spec(search_spec(**_of(wide, algorithm="grid")))

    assert "more than 1000000000 points" in str(caught.value.violations[0].message)


@pytest.mark.parametrize("algorithm", ["grid", "random", "tpe", "halving"])
def test_search_is_taken_when_it_holds_together(algorithm):
    forest = {"class": FOREST, "params": {"max_depth": {"choice": [None, 4]}}}
    spec = read_spec(search_spec(algorithm=algorithm, candidates=[DEPTH, forest], trials=22))

    assert spec.search.algorithm == algorithm
