"""Metrics on the test rows, in numpy: judging a model needs only the runtime that serves it.

The definitions are those of scikit-learn's functions of the same names; `roc_auc` of more than
two classes is the mean over one class against the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BINARY = 2


def classification_scores(
    classes: Sequence[Any],
    target: NDArray[Any],
    predicted: NDArray[Any],
    probabilities: NDArray[Any] | None,
) -> dict[str, float]:
    """Metrics of a classifier.

    Args:
        classes: In the order of the probabilities.
        target: True classes, shape (rows,).
        predicted: Predicted classes, shape (rows,).
        probabilities: Shape (rows, classes), or None where the model gives none.

    Returns:
        Metric to value; those that need probabilities only where there are some, and `roc_auc`
        only where every class is among the rows.
    """
    place = {value: index for index, value in enumerate(classes)}
    true = np.array([place[value] for value in target.tolist()])
    guess = np.array([place[value] for value in predicted.tolist()])
    width = len(classes)
    confusion = np.bincount(true * width + guess, minlength=width * width).reshape(width, width)
    hits, rows, guesses = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    seen = rows > 0
    either = (rows + guesses) > 0
    scores = {
        "accuracy": float(hits.sum() / len(true)),
        "balanced_accuracy": float((hits[seen] / rows[seen]).mean()),
        "f1_macro": float((2 * hits[either] / (rows + guesses)[either]).mean()),
    }
    if probabilities is not None:
        scores["log_loss"] = _log_loss(true, probabilities)
        if seen.all():
            scores["roc_auc"] = _roc_auc(true, probabilities)
    return scores


def regression_scores(target: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Metrics of a regression, `target` and `predicted` of shape (rows,)."""
    error = predicted.astype(np.float64) - target
    spread = float(((target - target.mean()) ** 2).sum())
    residual = float((error**2).sum())
    r2 = 1 - residual / spread if spread else float(residual == 0)
    return {
        "mae": float(np.abs(error).mean()),
        "max_error": float(np.abs(error).max()),
        "r2": r2,
        "rmse": float(np.sqrt((error**2).mean())),
    }


def _log_loss(true: NDArray[np.intp], probabilities: NDArray[Any]) -> float:
    smallest = np.finfo(np.float32).eps  # the graph's own precision: no zero becomes infinite
    clipped = np.clip(probabilities.astype(np.float64), smallest, 1 - smallest)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.log(clipped[np.arange(len(true)), true]).mean())


def _roc_auc(true: NDArray[np.intp], probabilities: NDArray[Any]) -> float:
    width = probabilities.shape[1]
    one_sided = [1] if width == _BINARY else range(width)
    return float(np.mean([_area(true == index, probabilities[:, index]) for index in one_sided]))


def _area(positive: NDArray[np.bool_], score: NDArray[Any]) -> float:
    """Area under the curve as the chance that a positive row ranks above a negative one."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]  # ties share the mean of their ranks
    wins = int(positive.sum())
    losses = len(positive) - wins
    return float((ranks[positive].sum() - wins * (wins + 1) / 2) / (wins * losses))
