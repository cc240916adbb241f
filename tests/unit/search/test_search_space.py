"""Spaces: what they hold, what is drawn from them, and what is refused."""

from __future__ import annotations

from itertools import islice

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.search_draws import by_chance, grid, grid_size
from servery.domain.search_space import Numbers, dimensions, filled, read_space
from servery.domain.search_spec import Candidate, Search
from servery.errors import InvalidSpecError

STEPS = [
    {
        "columns": ["a"],
        "steps": [
            {"class": "x.Scaler"},
            {"class": "x.PCA", "params": {"n_components": {"int": [1, 3]}, "whiten": True}},
        ],
    }
]


def candidate(**params):
    return Candidate(class_path="a.B", params=params)


def search(*candidates, **more):
    return Search(candidates=list(candidates), **more)


@pytest.mark.parametrize(
    ("space", "values"),
    [
        ({"int": [1, 4]}, [1, 2, 3, 4]),
        ({"int": [1, 10], "step": 4}, [1, 5, 9]),
        ({"int": [1, 100], "step": 10, "log": True}, [1, 10, 100]),
        ({"float": [0.1, 0.5], "step": 0.2}, [0.1, 0.3, 0.5]),
        ({"float": [0.001, 1], "step": 10, "log": True}, [0.001, 0.01, 0.1, 1.0]),
        ({"choice": [None, True, 1, [5, 5]]}, [None, True, 1, [5, 5]]),
        ({"float": [0, 1]}, None),
        ({"int": [1, 100], "log": True}, None),
    ],
)
def test_values_are_counted_when_there_are_steps(space, values):
    assert read_space(space, "x").values() == values


@pytest.mark.parametrize(
    "space",
    [
        {"int": [1, 2], "float": [1, 2]},
        {"int": [1, 2], "most": 3},
        {"int": [1]},
        {"int": [1.5, 2]},
        {"int": [2, 2]},
        {"int": [3, 2]},
        {"int": [True, 4]},
        {"float": [0, float("inf")]},
        {"float": [0, 1], "log": True},
        {"float": [1, 2], "log": "yes"},
        {"float": [0, 1], "step": 0},
        {"float": [1, 2], "step": 1, "log": True},
        {"int": [1, 9], "step": 0.5},
        {"float": [0, 1], "step": 1e-9},
        {"choice": []},
        {"choice": [1, 1]},
        {"choice": [1, 2], "step": 1},
        {"choice": 3},
    ],
    ids=str,
)
def test_space_is_refused_by_field_when_it_is_none(space):
    with pytest.raises(InvalidSpecError) as caught:
        read_space(space, "params.x")

    assert caught.value.violations[0].field == "params.x"


@given(
    st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.booleans(), st.floats(0, 1, exclude_max=True)
)
def test_number_lies_inside_when_it_is_drawn(low, factor, log, place):
    high = low * factor
    drawn = Numbers(whole=False, low=low, high=high, log=log).at(place)

    assert low <= drawn <= high


@given(st.integers(1, 50), st.integers(1, 50), st.booleans(), st.floats(0, 1, exclude_max=True))
def test_whole_number_lies_inside_when_it_is_drawn(low, width, log, place):
    drawn = Numbers(whole=True, low=low, high=low + width, log=log).at(place)

    assert isinstance(drawn, int)
    assert low <= drawn <= low + width


def test_each_whole_number_is_as_likely_when_drawn_by_chance():
    drawn = [d.point["x"] for d in by_chance(search(candidate(x={"int": [1, 5]})))]

    assert sorted(drawn) == [1, 2, 3, 4, 5]  # all of them, each once, and then it ends


def test_draws_are_new_and_the_same_when_the_seed_is():
    spec = search(candidate(x={"float": [0, 1]}), candidate(y={"choice": ["a", "b"]}), seed=5)
    draws = list(islice(by_chance(spec), 20))

    assert len({draw.key() for draw in draws}) == 20
    assert draws == list(islice(by_chance(spec), 20))
    assert draws != list(islice(by_chance(msgspec.structs.replace(spec, seed=6)), 20))


def test_grid_has_every_point_once_when_it_is_written_out():
    first = candidate(x={"int": [1, 3]}, y={"choice": ["a", "b"]}, z=9)
    points = [(d.candidate, d.point) for d in grid(search(first, candidate()))]

    assert points[:3] == [(0, {"x": 1, "y": "a"}), (0, {"x": 1, "y": "b"}), (0, {"x": 2, "y": "a"})]
    assert len(points) == grid_size(first) + 1 == 7
    assert points[-1] == (1, {})


def test_parameters_of_steps_are_open_too_when_they_are_spaces():
    made = Candidate(class_path="a.B", params={"x": 1}, preprocessing=STEPS)
    name = "preprocessing[0].steps[1].n_components"

    assert list(dimensions(made)) == [name]
    params, preprocessing = filled(made, {name: 2})
    assert params == {"x": 1}
    assert preprocessing[0]["steps"][1]["params"] == {"n_components": 2, "whiten": True}
    assert STEPS[0]["steps"][1]["params"]["n_components"] == {"int": [1, 3]}  # not touched


def test_every_point_is_drawn_when_there_are_as_many_trials():
    many = search(candidate(n={"int": [1, 900]}), candidate(x={"float": [0, 1], "step": 0.01}))
    draws = list(by_chance(many))

    assert len(draws) == 1001
    assert {draw.key() for draw in draws} == {draw.key() for draw in grid(many)}
    assert draws == list(by_chance(many))
