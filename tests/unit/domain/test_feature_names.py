"""Names of features as columns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.feature_names import column_names
from servery.domain.names import COLUMN_NAME


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["age", "town_ä b"], ["age", "town_ä b"]),
        (["a", "a", "a_2", "a"], ["a", "a_2", "a_2_2", "a_3"]),
        (['say "a\\b"', "two\nlines", ""], ["say _a_b_", "two_lines", "feature"]),
        (["x" * 200, "x" * 201], ["x" * 128, "x" * 126 + "_2"]),
    ],
)
def test_names_fit_when_they_were_others(names, found):
    assert column_names(names) == found


@given(st.lists(st.text(alphabet='ab_2"\\\n', max_size=4)))
def test_names_are_columns_and_each_is_there_once_when_made_of_any_text(names):
    found = column_names(names)

    assert len(set(found)) == len(found) == len(names)
    assert all(re.match(COLUMN_NAME, name) for name in found)
