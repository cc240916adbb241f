"""Folds and parts of rows, and the figures of a trial against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.training import example, flower_spec
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.csv_table import read_csv
from servery.adapters.sklearn_folds import fit_and_ask
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.domain.features import Features, features
from servery.domain.folds import folds, part
from servery.domain.scores import classification_scores
from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidInputError, RejectedError
from servery.usecases.training.rows import RowFilter
from sklearn.model_selection import PredefinedSplit, cross_val_score


@given(st.lists(st.integers(0, 3), min_size=20, max_size=200), st.integers(2, 6), st.integers(0, 9))
def test_folds_have_the_same_size_and_their_share_of_each_class(classes, count, seed):
    target = np.array(classes)
    assigned = folds(Task.CLASSIFICATION, target, count, seed)

    sizes = np.bincount(assigned, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    for value in set(classes):
        of_class = np.bincount(assigned[target == value], minlength=count)
        assert of_class.max() - of_class.min() <= 1


def test_folds_are_the_same_when_the_seed_is():
    target = np.arange(50.0)

    first = folds(Task.REGRESSION, target, 5, 1)
    assert (first == folds(Task.REGRESSION, target, 5, 1)).all()
    assert (first != folds(Task.REGRESSION, target, 5, 2)).any()


def test_folds_are_refused_when_there_are_too_few_rows():
    with pytest.raises(InvalidInputError, match="5 folds need 10"):
        folds(Task.REGRESSION, np.arange(9.0), 5, 0)


def test_larger_part_has_the_smaller_one_in_it_and_every_class():
    target = np.array([0] * 90 + [1] * 9 + [2])
    rows = np.arange(100)
    small = part(Task.CLASSIFICATION, target, rows, 20, 0)
    large = part(Task.CLASSIFICATION, target, rows, 60, 0)

    assert set(small) < set(large)
    assert set(target[small]) == {0, 1, 2}
    assert abs(len(small) - 20) <= 2
    assert (part(Task.CLASSIFICATION, target, rows, 100, 0) == rows).all()


def test_scores_are_those_of_scikit_learn_when_the_folds_are():
    raw, data = example("iris")
    spec = read_spec(raw)
    reader = RowFilter(list(spec.data.columns))
    for chunk in read_csv(data, spec.data.columns):
        reader.add(chunk)
    rows = features(spec, reader.good())
    assigned = folds(spec.task, rows.target, 5, 3)
    ours = []
    for fold in range(5):
        held_out = rows.take(np.flatnonzero(assigned == fold))
        judged = fit_and_ask(spec, rows.take(np.flatnonzero(assigned != fold)), held_out)
        found = classification_scores(
            judged.classes, held_out.target, judged.predicted, judged.probabilities
        )
        ours.append(found["accuracy"])

    theirs = cross_val_score(
        build_pipeline(spec), rows.matrix, rows.target.astype(str), cv=PredefinedSplit(assigned)
    )
    assert ours == pytest.approx(theirs.tolist())


def test_candidate_is_refused_with_scikit_learns_sentence_when_a_parameter_is_wrong():
    spec = read_spec(
        flower_spec(
            estimator={
                "class": "sklearn.tree.DecisionTreeClassifier",
                "params": {"max_depth": -1},
            }
        )
    )
    random = np.random.default_rng(0)
    columns = random.uniform(size=(20, 2)).astype(np.float32)

    text = np.array([["red"]] * 20, dtype=object)
    rows = Features(columns, text, np.array(["a", "b"] * 10, dtype=object))

    with pytest.raises(RejectedError, match="max_depth"):
        fit_and_ask(spec, rows, rows)
