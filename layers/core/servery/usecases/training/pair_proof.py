"""The proof of a pair: its features are numbers, and its halves answer as the whole does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.features import Features
from servery.domain.json_text import write_numbers
from servery.errors import RejectedError
from servery.usecases.training.proof import ask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime

ROWS_ALONE = 32
"""How many rows are asked one by one: a runtime may add up in another order for many."""


def features_of(preprocessor: ModelRuntime, rows: Features, names: list[str]) -> Features:
    """The features of some rows, as the predictor takes them.

    Raises:
        RejectedError: one is no finite number, so that it could not travel.
    """
    matrix = np.asarray(ask(preprocessor, rows).first, dtype=np.float32)
    bad = ~np.isfinite(matrix)
    if bad.any():
        told = ", ".join(name for name, column in zip(names, bad.T, strict=True) if column.any())
        raise RejectedError(
            f"features are no finite numbers in {int(bad.any(axis=1).sum())} of {len(matrix)} rows "
            f"({told[:300]}); impute what may be null"
        )
    return Features(matrix, None, rows.target)


def check_nulls(
    preprocessor: ModelRuntime, spec: ModelSpec, rows: Features, names: list[str]
) -> None:
    """Let no null through: what the data lacks today, a caller may leave out tomorrow.

    Raises:
        RejectedError: a feature is no finite number where a nullable column is null.
    """
    numeric = [column for column in spec.features if column.dtype.numeric]
    text = [column for column in spec.features if not column.dtype.numeric]
    nullable = [column for column in numeric + text if column.nullable]
    if not nullable:
        return
    probes = rows.take(np.zeros(len(nullable), dtype=np.intp))
    for probe, column in enumerate(nullable):
        if column.dtype.numeric and probes.numeric is not None:
            probes.numeric[probe, numeric.index(column)] = np.nan
        elif probes.text is not None:
            probes.text[probe, text.index(column)] = ""
    features_of(preprocessor, probes, names)


def travelled(matrix: NDArray[np.float32]) -> list[list[float]]:
    """Features as they are on the way: the shortest text that is each of them and no other."""
    rows: list[list[float]] = msgspec.json.decode(write_numbers(matrix))
    return rows


def check_same(
    whole: ModelRuntime,
    preprocessor: ModelRuntime,
    predictor: ModelRuntime,
    rows: Features,
    names: list[str],
) -> None:
    """Compare the two halves with the whole, all rows at once and some alone, bit for bit.

    Raises:
        RejectedError: an answer of theirs is not the very same.
    """
    alone = min(ROWS_ALONE, len(rows.target))
    parts = [rows, *(rows.take(np.array([row])) for row in range(alone))]
    for part in parts:
        given = features_of(preprocessor, part, names)
        taken = np.array(travelled(given.matrix), dtype=np.float32)
        expected = ask(whole, part)
        found = ask(predictor, Features(taken, None, part.target))
        other = _other(expected.first, found.first) | _other(expected.scores, found.scores)
        if other.any():
            raise RejectedError(
                f"the two halves answer otherwise than the whole in {int(other.sum())} of "
                f"{len(part.target)} rows"
            )


def _other(expected: NDArray[Any] | None, found: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Which rows differ, in one bit or more."""
    if expected is None or found is None:
        return np.array([expected is not found])
    if (expected.shape, expected.dtype) != (found.shape, found.dtype):
        return np.ones(len(expected), dtype=np.bool_)
    if np.issubdtype(expected.dtype, np.floating):
        whole = np.dtype(f"u{expected.dtype.itemsize}")
        expected, found = (np.ascontiguousarray(side).view(whole) for side in (expected, found))
    differs = expected != found
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
