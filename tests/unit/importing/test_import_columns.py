"""The signature that is taken from a sample."""

from __future__ import annotations

import pytest
from servery.domain.guessed_columns import Wishes, guess_columns
from servery.domain.signature import Dtype
from servery.domain.spec import Role
from servery.errors import InvalidInputError

ALL = Wishes(unit="1")


def _only(cells, wishes=ALL):
    (column,) = guess_columns({"a": cells}, wishes)
    return column


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "2", "-3"], Dtype.INT),
        (["1", "2.5"], Dtype.FLOAT),
        (["1.0", "2.0"], Dtype.FLOAT),
        (["1e3", "2"], Dtype.FLOAT),
        (["true", "False"], Dtype.BOOL),
        (["0", "1"], Dtype.INT),
        (["red", "1"], Dtype.STRING),
        (["9999999999999999999999"], Dtype.FLOAT),
        (["1_000"], Dtype.STRING),
        (["nan", "1.5"], Dtype.STRING),
    ],
)
def test_type_is_the_first_that_every_cell_is_when_it_is_guessed(cells, dtype):
    assert _only(cells).dtype is dtype


def test_range_and_categories_are_those_of_the_sample_when_nobody_says_otherwise():
    assert _only(["1.5", "-2", "7"]).range == (-2, 7)
    assert _only(["red", "blue", "red"]).categories == ["blue", "red"]
    assert _only([f"word {n}" for n in range(60)]).categories is None
    assert _only(["true", "false"]).range is None


def test_range_is_what_the_owner_says_when_he_says_one():
    assert _only(["1.5"], Wishes(unit="1", ranges={"a": (0, 9)})).range == (0, 9)
    assert _only(["1.5"], Wishes(unit="1", ranges={"a": None})).range is None
    assert _only(["1.5"], Wishes(unit="1", ranged=False)).range is None


def test_column_may_be_empty_when_a_cell_of_the_sample_is():
    assert _only(["1.5", ""]).nullable
    assert not _only(["1.5", "2"]).nullable
    assert _only(["red", ""]).categories == ["red"]


def test_target_has_no_bounds_when_it_is_named():
    found = guess_columns({"a": ["1"], "y": ["2.5"]}, Wishes(target="y", unit="1"))

    assert [column.role for column in found] == [Role.FEATURE, Role.TARGET]
    assert found[1].range is None


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(),
        Wishes(units={"b": "cm"}, unit="1"),
        Wishes(target="b", unit="1"),
        Wishes(ranges={"b": (0, 1)}, unit="1"),
    ],
    ids=["no unit", "unit of nothing", "no such target", "range of nothing"],
)
def test_sample_is_refused_when_what_is_said_does_not_fit_it(wishes):
    with pytest.raises(InvalidInputError) as refused:
        guess_columns({"a": ["1"]}, wishes)
    assert refused.value.violations


def test_column_is_refused_when_the_sample_says_nothing_there():
    with pytest.raises(InvalidInputError, match="is empty"):
        _only(["", " "])
