"""Folds of cross-validation, and parts of rows: seeded, and by class for classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.signature import Task
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def folds(task: Task, target: NDArray[Any], count: int, seed: int) -> NDArray[np.intp]:
    """The fold of each row.

    For classification each fold gets its share of every class, as near as whole rows allow.

    Args:
        task: Of the model.
        target: Shape (rows,).
        count: How many folds.
        seed: Of the shuffle.

    Returns:
        0 to `count` - 1, shape (rows,).

    Raises:
        InvalidInputError: there are too few rows, or too few of a class, for so many folds.
    """
    if len(target) < 2 * count:
        raise InvalidInputError(
            f"there are {len(target)} training rows; {count} folds need {2 * count} at the least"
        )
    random = np.random.default_rng([seed, count])
    assigned = np.empty(len(target), dtype=np.intp)
    dealt = 0
    for rows in _groups(task, target):
        # Where one class ends the next one goes on, so that folds have the same size.
        assigned[random.permutation(rows)] = (dealt + np.arange(len(rows))) % count
        dealt += len(rows)
    return assigned


def part(
    task: Task, target: NDArray[Any], rows: NDArray[np.intp], count: int, seed: int
) -> NDArray[np.intp]:
    """`count` of the given rows, in their order; of each class its share, one at the least.

    A larger part of the same rows with the same seed has the smaller one in it.
    """
    if count >= len(rows):
        return rows
    random = np.random.default_rng([seed, len(rows)])
    groups = [random.permutation(rows[group]) for group in _groups(task, target[rows])]
    share = count / len(rows)
    taken = [group[: max(1, round(len(group) * share))] for group in groups]
    return np.sort(np.concatenate(taken))


def _groups(task: Task, target: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Positions of the rows of each class; all of them for regression."""
    if task is Task.REGRESSION:
        return [np.arange(len(target))]
    _, inverse = np.unique(target, return_inverse=True)
    return [np.flatnonzero(inverse == value) for value in range(int(inverse.max()) + 1)]
