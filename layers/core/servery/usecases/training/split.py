"""Which rows are held out: seeded, and by class where the spec says so."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.signature import Task
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.spec import ModelSpec

ASSIGNMENT = "assignment"
"""Name of the file that says for each row, in a byte, whether it is a test row."""
FEWEST_ROWS = 10
_FEWEST_OF_A_CLASS = 2
_FEWEST_IN_A_PART = 2


def held_out(spec: ModelSpec, target: NDArray[Any]) -> NDArray[np.bool_]:
    """Choose the test rows.

    Every class has rows on both sides when stratified, as near to its share as whole rows allow.

    Args:
        spec: Its task and split.
        target: Values of the target, shape (rows,).

    Returns:
        Whether each row is held out, shape (rows,).

    Raises:
        InvalidInputError: there are too few rows, or too few of a class.
    """
    if len(target) < FEWEST_ROWS:
        raise InvalidInputError(
            f"there are {len(target)} good rows; training needs {FEWEST_ROWS} at the least"
        )
    random = np.random.default_rng(spec.split.seed)
    if spec.task is Task.REGRESSION:
        return _draw(random, np.arange(len(target)), len(target), spec.split.test_fraction)
    groups = _by_class(target)
    if not spec.split.stratify:
        mask = _draw(random, np.arange(len(target)), len(target), spec.split.test_fraction)
        _check_trained(mask, groups)
        return mask
    mask = np.zeros(len(target), dtype=np.bool_)
    for rows in groups.values():
        mask |= _draw(random, rows, len(target), spec.split.test_fraction, fewest=1)
    return mask


def digest_split(dataset: str, mask: NDArray[np.bool_]) -> str:
    """SHA-256 (hex) of the assignment itself: the data set, and for each row its side."""
    return hashlib.sha256(bytes.fromhex(dataset) + mask.tobytes()).hexdigest()


def _draw(
    random: np.random.Generator,
    rows: NDArray[np.intp],
    total: int,
    fraction: float,
    fewest: int = _FEWEST_IN_A_PART,
) -> NDArray[np.bool_]:
    count = min(max(round(len(rows) * fraction), fewest), len(rows) - fewest)
    mask = np.zeros(total, dtype=np.bool_)
    mask[random.permutation(rows)[:count]] = True
    return mask


def _by_class(target: NDArray[Any]) -> dict[Any, NDArray[np.intp]]:
    classes, inverse = np.unique(target, return_inverse=True)
    groups = {c: np.flatnonzero(inverse == i) for i, c in enumerate(classes.tolist())}
    if len(groups) < len(("one", "another")):
        raise InvalidInputError("there is one class only; there is nothing to tell apart")
    rare = [f"{c!r}" for c, rows in groups.items() if len(rows) < _FEWEST_OF_A_CLASS]
    if rare:
        raise InvalidInputError(
            f"of class {', '.join(rare[:20])} there is one row only; it takes one to train on "
            "and one to test with"
        )
    return groups


def _check_trained(mask: NDArray[np.bool_], groups: dict[Any, NDArray[np.intp]]) -> None:
    untrained = [f"{c!r}" for c, rows in groups.items() if mask[rows].all()]
    if untrained:
        raise InvalidInputError(
            f"of class {', '.join(untrained[:20])} every row was held out; stratify the split, "
            "or take another seed"
        )
