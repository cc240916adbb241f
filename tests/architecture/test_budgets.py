"""No function gets heavier unseen."""

from __future__ import annotations

import pytest

from architecture.budgets import FILE, budget, overdrawn, python, weights
from architecture.conftest import HERE

HOW = "write it anew with `PYTHONPATH=tests python -m architecture.budgets` if that is wanted"


@pytest.mark.skipif(python() != HERE, reason="the budget is that of another Python")
def test_every_function_keeps_within_its_budget_when_unzipped_with_its_layers(layer):
    assert not overdrawn(budget(), weights(layer)), f"{FILE.name}: {HOW}"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"A": 104, "B": 50}, []),
        ({"A": 106, "B": 50}, ["A weighs 106 bytes, +6.0% of its budget"]),
        ({"A": 100, "B": 50, "C": 1}, ["C has no budget"]),
        ({"A": 100}, ["B has a budget, but is no function"]),
    ],
)
def test_growth_is_told_when_a_budget_is_overdrawn(found, words):
    assert overdrawn({"A": 100, "B": 50}, found) == words
