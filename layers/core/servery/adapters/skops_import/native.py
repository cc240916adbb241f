"""Looks at a pipeline that was built from a file, before it computes anything.

Parts of scikit-learn compute in C with lengths that they take on trust, since they have fitted
them themselves. A file may say anything: here the lengths are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree._tree import Tree

from servery.adapters.skops_import.stored_trees import LEAF, check_columns, check_steps
from servery.errors import MalformedError, UnsupportedMediaError

_MATRIX = 2


def check_native(pipeline: BaseEstimator) -> None:
    """Let a pipeline pass whose parts fit each other, and make it compute alone and silently.

    Raises:
        MalformedError: a part does not fit another.
        UnsupportedMediaError: a part cannot be checked.
    """
    try:
        for estimator in _estimators(pipeline):
            _check_parts(estimator)
            if isinstance(estimator, FunctionTransformer):
                _fit(estimator.func is None and estimator.inverse_func is None)
            if hasattr(estimator, "_predictors"):
                _check_histograms(estimator)
            if hasattr(estimator, "support_vectors_"):
                _check_support(estimator)
            if hasattr(estimator, "n_trees_per_iteration_") and hasattr(estimator, "init_"):
                _check_beginning(estimator)
            if hasattr(estimator, "_fit_X"):
                _check_neighbours(estimator)
            quiet = {"n_jobs": 1, "verbose": 0, "memory": None}
            for name in quiet.keys() & vars(estimator).keys():
                setattr(estimator, name, quiet[name])
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedError("the model file has an estimator that is not whole") from error


def _estimators(value: object) -> Iterator[Any]:
    """Every estimator in a pipeline, itself included."""
    pending, seen = [value], set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, BaseEstimator):
            yield one
            pending += vars(one).values()
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list | tuple):
            pending += one
        elif isinstance(one, np.ndarray) and one.dtype == object:
            pending += one.ravel().tolist()


def _check_parts(estimator: Any) -> None:  # noqa: ANN401 - untyped library
    """The trees of an estimator take the columns that the estimator lets in."""
    tree = getattr(estimator, "tree_", None)
    if tree is not None:
        _fit(type(tree) is Tree and tree.n_features == estimator.n_features_in_)
        _fit(tree.n_outputs == estimator.n_outputs_ == 1)
        _check_built(tree)
    parts = getattr(estimator, "estimators_", None)
    if parts is None:
        return
    flat = list(np.asarray(parts, dtype=object).ravel())
    _fit(all(isinstance(part, BaseEstimator) for part in flat))
    _fit(all(part.n_features_in_ == estimator.n_features_in_ for part in flat))
    if hasattr(estimator, "n_trees_per_iteration_"):
        _fit(parts.shape[1:] == (estimator.n_trees_per_iteration_,))
        _fit(all(part.tree_.max_n_classes == 1 for part in flat))


def _check_built(tree: Any) -> None:  # noqa: ANN401
    """What was built is looked at too: an id can put another array in the place of one."""
    _fit(0 < tree.node_count <= tree.capacity)
    left, right = tree.children_left, tree.children_right
    leaf = left == LEAF
    check_steps(left, right, leaf)
    check_columns(tree.feature[~leaf], tree.n_features)


def _check_beginning(estimator: Any) -> None:  # noqa: ANN401
    """Boosted trees add to as many numbers of a row as there are trees in a step."""
    if type(estimator.init_) not in (DummyClassifier, DummyRegressor) and estimator.init_ != "zero":
        raise UnsupportedMediaError("of boosted trees, those without an init are imported")
    row = np.zeros((1, estimator.n_features_in_), np.float32)
    begun = estimator._raw_predict_init(row)  # noqa: SLF001
    _fit(begun.shape == (1, estimator.n_trees_per_iteration_) and begun.dtype == np.float64)


def _check_neighbours(estimator: Any) -> None:  # noqa: ANN401
    """Every row has its answer, and every answer is one of the classes."""
    if estimator._fit_method != "brute":  # noqa: SLF001
        raise UnsupportedMediaError("of neighbours, algorithm='brute' is imported")
    if not {*estimator.effective_metric_params_} <= {"p"} or estimator.metric_params:
        raise UnsupportedMediaError("of neighbours, metrics without parameters are imported")
    rows, answers = estimator._fit_X, estimator._y  # noqa: SLF001
    _fit(type(rows) is np.ndarray and rows.ndim == _MATRIX and type(answers) is np.ndarray)
    _fit(rows.shape[1] == estimator.n_features_in_ and len(rows) == len(answers))
    _fit(0 < estimator.n_neighbors <= estimator.n_samples_fit_ == len(rows))
    if hasattr(estimator, "classes_"):
        _fit(answers.dtype.kind == "i" and answers.ndim == 1)
        _fit(answers.min() >= 0 and answers.max() < len(estimator.classes_))


def _check_histograms(estimator: Any) -> None:  # noqa: ANN401
    for predictor in (one for row in estimator._predictors for one in row):  # noqa: SLF001
        _fit(type(predictor) is TreePredictor)
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise UnsupportedMediaError(
                "a split by category is not imported; train the model here, or import ONNX"
            )
        leaf = nodes["is_leaf"].astype(bool)
        check_steps(nodes["left"], nodes["right"], leaf)
        check_columns(nodes["feature_idx"][~leaf], estimator.n_features_in_)


def _check_support(estimator: Any) -> None:  # noqa: ANN401
    """Support vectors, their weights and counts are as many as each other."""
    vectors, counts = estimator.support_vectors_, estimator._n_support  # noqa: SLF001
    classes = len(getattr(estimator, "classes_", (0, 1)))
    pairs = classes * (classes - 1) // 2
    number = len(vectors)
    _fit(vectors.ndim == _MATRIX and vectors.shape[1] == estimator.n_features_in_)
    _fit(estimator.shape_fit_[1] == estimator.n_features_in_)
    _fit(len(estimator.support_) == number and counts.min() >= 0)
    if hasattr(estimator, "classes_"):
        _fit(len(counts) == classes and counts.sum() == number)
    _fit(estimator._dual_coef_.shape == (classes - 1, number))
    _fit(estimator._intercept_.shape == (pairs,))
    for name in ("_probA", "_probB"):
        _fit(len(getattr(estimator, name)) in (0, pairs))
    _fit(len(estimator._probA) == len(estimator._probB))  # noqa: SLF001
    _fit(not estimator._sparse and isinstance(estimator.kernel, str))  # noqa: SLF001
    _fit(estimator.kernel != "precomputed")


def _fit(good: object) -> None:
    if not good:
        raise MalformedError("the model file has an estimator whose parts do not fit each other")
