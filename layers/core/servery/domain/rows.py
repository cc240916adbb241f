"""The rows of a chunk on their way through the model: good ones as arrays, bad ones by line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.inference import Prediction
from servery.domain.table import Reason, Rejection
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LONGEST_ROW = 1_000_000
ROWS_AT_ONCE = 4096
"""Rows of one call of a model: enough to be quick, and few enough to bound its memory."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a chunk holds. All arrays and id columns are as long as there are good rows.

    Attributes:
        rows_in: Rows read; empty lines are none.
        numeric: float32 of shape (good rows, numeric inputs), nan where null; None without such
            inputs.
        text: str objects of shape (good rows, text inputs), empty where null; None without such
            inputs.
        ids: The columns that are passed through, in the layout's order: what stands in a cell
            (csv), or the JSON of a value (jsonl).
        starts: The line each good row starts on, int64, from 1 at the chunk's start.
        rejected: The bad rows, by line.
        lines: Lines that the chunk spans.
        aligned: False where the chunk cannot have been cut at row ends; it is empty then.
    """

    rows_in: int
    numeric: NDArray[np.float32] | None
    text: NDArray[np.object_] | None
    ids: tuple[list[str], ...]
    starts: NDArray[np.int64]
    rejected: list[Rejection]
    lines: int
    aligned: bool = True

    @property
    def good(self) -> int:
        """How many rows can be predicted."""
        return len(self.starts)

    def part(self, start: int, stop: int) -> Rows:
        """The good rows of these positions; nothing else changes."""
        return replace(
            self,
            numeric=None if self.numeric is None else self.numeric[start:stop],
            text=None if self.text is None else self.text[start:stop],
            ids=tuple(column[start:stop] for column in self.ids),
            starts=self.starts[start:stop],
        )

    def reject(self, bad: NDArray[np.bool_], reason: Reason) -> Rows:
        """The same rows with some more of the good ones, by a mask, rejected as a whole."""
        if not bad.any():
            return self
        kept = ~bad
        told = [Rejection(line, "", reason) for line in self.starts[bad].tolist()]
        positions = np.flatnonzero(kept).tolist()
        return replace(
            self,
            numeric=None if self.numeric is None else self.numeric[kept],
            text=None if self.text is None else self.text[kept],
            ids=tuple([column[i] for i in positions] for column in self.ids),
            starts=self.starts[kept],
            rejected=sorted([*self.rejected, *told], key=lambda rejection: rejection.line),
        )

    def numbered(self) -> Rows:
        """The same rows, told by their number from 1 in place of the line they start on."""
        bad = np.array([rejection.line for rejection in self.rejected], np.int64)
        lines = np.sort(np.concatenate([self.starts, bad]))
        numbers = (np.searchsorted(lines, bad) + 1).tolist()
        told = zip(self.rejected, numbers, strict=True)
        return replace(
            self,
            starts=np.searchsorted(lines, self.starts).astype(np.int64) + 1,
            rejected=[Rejection(number, each.column, each.reason) for each, number in told],
            lines=self.rows_in,
        )


def predict_rows(
    rows: Rows, predict: Callable[[Rows], Prediction], *, at_once: int = ROWS_AT_ONCE
) -> tuple[Rows, Prediction]:
    """Ask a model for all good rows; those that it has no answer for become rejected.

    A model refuses a whole call for one value that it was not made for, so the rows of a refused
    call are asked by halves until the guilty ones are alone.

    Args:
        rows: What was read.
        predict: Asks the model with the good rows of what it is given, at least one.
        at_once: How many rows it is asked for at once, at the most.

    Returns:
        The rows with an answer that is finite, and the answers.
    """
    refused = np.zeros(rows.good, dtype=np.bool_)
    parts: list[Prediction] = []
    for start in range(0, rows.good, at_once):
        stop = min(start + at_once, rows.good)
        parts += _by_halves(rows, start, stop, predict, refused)
    rows = rows.reject(refused, Reason.NO_ANSWER)
    if not parts:
        return rows, Prediction(np.empty(0), None)
    whole = parts[0] if len(parts) == 1 else _joined(parts)
    unanswered = _not_finite(whole)
    if not unanswered.any():
        return rows, whole
    rows = rows.reject(unanswered, Reason.NO_ANSWER)
    kept = ~unanswered
    scores = whole.probabilities
    return rows, Prediction(whole.answers[kept], None if scores is None else scores[kept])


def _by_halves(
    rows: Rows,
    start: int,
    stop: int,
    predict: Callable[[Rows], Prediction],
    refused: NDArray[np.bool_],
) -> list[Prediction]:
    if start == stop:
        return []
    try:
        return [predict(rows.part(start, stop))]
    except InvalidInputError:
        if stop - start == 1:
            refused[start] = True
            return []
    middle = (start + stop) // 2
    first = _by_halves(rows, start, middle, predict, refused)
    return first + _by_halves(rows, middle, stop, predict, refused)


def _joined(parts: list[Prediction]) -> Prediction:
    scores = [part.probabilities for part in parts if part.probabilities is not None]
    return Prediction(
        np.concatenate([part.answers for part in parts]),
        np.concatenate(scores) if scores else None,
    )


def _not_finite(prediction: Prediction) -> NDArray[np.bool_]:
    numbers = prediction.answers if prediction.probabilities is None else prediction.probabilities
    if numbers.dtype.kind != "f":
        return np.zeros(len(numbers), dtype=np.bool_)
    finite: NDArray[np.bool_] = np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    return ~finite


def join_rows(parts: list[Rows], *, lines: int, aligned: bool = True) -> Rows:
    """Parts of a chunk, at least one, as a whole that spans so many lines."""
    numeric = [part.numeric for part in parts if part.numeric is not None]
    text = [part.text for part in parts if part.text is not None]
    columns = zip(*(part.ids for part in parts), strict=True)
    return Rows(
        rows_in=sum(part.rows_in for part in parts),
        numeric=np.concatenate(numeric) if numeric else None,
        text=np.concatenate(text) if text else None,
        ids=tuple(list(chain.from_iterable(column)) for column in columns),
        starts=np.concatenate([part.starts for part in parts]),
        rejected=[rejection for part in parts for rejection in part.rejected],
        lines=lines,
        aligned=aligned,
    )
