"""Metrics in numpy against those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.metrics import HIGHER_IS_BETTER
from servery.domain.scores import classification_scores, regression_scores
from servery.domain.signature import Task
from sklearn import metrics


@given(
    classes=st.integers(2, 5),
    rows=st.integers(1, 60),
    seed=st.integers(0, 10_000),
    grain=st.sampled_from([3, 1000]),
)
def test_scores_are_scikit_learns_when_classes_are_predicted(classes, rows, seed, grain):
    random = np.random.default_rng(seed)
    names = [f"c{i}" for i in range(classes)]
    true = random.integers(0, classes, rows)
    # Few distinct probabilities make ties, which the area under the curve has to share.
    raw = random.integers(1, grain, (rows, classes)).astype(float)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    guess = probabilities.argmax(axis=1)
    as_names = np.array(names, dtype=object)

    found = classification_scores(names, as_names[true], as_names[guess], probabilities)

    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, guess))
    present = sorted(set(true.tolist()))
    recalls = metrics.recall_score(true, guess, labels=present, average="macro", zero_division=0)
    assert found["balanced_accuracy"] == pytest.approx(recalls)
    f1 = metrics.f1_score(true, guess, average="macro", zero_division=0)
    assert found["f1_macro"] == pytest.approx(f1)
    loss = metrics.log_loss(true, probabilities, labels=list(range(classes)))
    assert found["log_loss"] == pytest.approx(loss, rel=1e-6)
    if len(present) < classes:
        assert "roc_auc" not in found
    else:
        score = probabilities[:, 1] if classes == 2 else probabilities
        area = metrics.roc_auc_score(true, score, multi_class="ovr")
        assert found["roc_auc"] == pytest.approx(area)


@given(st.integers(2, 60), st.integers(0, 10_000), st.booleans())
def test_scores_are_scikit_learns_when_values_are_predicted(rows, seed, flat):
    random = np.random.default_rng(seed)
    true = np.full(rows, 3.0) if flat else random.normal(size=rows)
    guess = true + random.normal(size=rows)

    found = regression_scores(true, guess.astype(np.float32))

    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, guess), rel=1e-4)
    assert found["max_error"] == pytest.approx(metrics.max_error(true, guess), rel=1e-4)
    rmse = metrics.root_mean_squared_error(true, guess)
    assert found["rmse"] == pytest.approx(rmse, rel=1e-4)
    assert found["r2"] == pytest.approx(metrics.r2_score(true, guess), rel=1e-4, abs=1e-4)


def test_no_probability_is_infinite_loss_when_it_is_zero():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    classes = np.array([1, 1])

    found = classification_scores([0, 1], classes, np.array([0, 1]), probabilities)

    assert 5 < found["log_loss"] < 20


def test_every_metric_of_the_task_is_there_when_it_can_be_computed():
    probabilities = np.array([[0.7, 0.3], [0.2, 0.8]])
    classes = np.array([False, True])

    found = classification_scores([False, True], classes, classes, probabilities)

    assert found.keys() == HIGHER_IS_BETTER[Task.CLASSIFICATION].keys()
    values = np.array([1.0, 2.0])
    assert regression_scores(values, values).keys() == HIGHER_IS_BETTER[Task.REGRESSION].keys()


def test_probabilities_are_not_needed_when_a_model_gives_none():
    classes = np.array([0, 1, 1])

    found = classification_scores([0, 1], classes, np.array([0, 1, 0]), None)

    assert found.keys() == {"accuracy", "balanced_accuracy", "f1_macro"}
