"""The proof of an export: two runtimes asked with the same held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.manifest import Parity, Sample
from servery.domain.signature import Task
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.features import Features
    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime

# An exported graph computes with 32 bits, scikit-learn mostly with 64.
TOLERANCE = 1e-4
_SAMPLE_ROWS = 8
_CLEAR_MARGIN = 0.01
_LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class Answers:
    """What a runtime answers: classes and probabilities (or None), or values and None."""

    first: NDArray[Any]
    scores: NDArray[Any] | None


def ask(runtime: ModelRuntime, rows: Features) -> Answers:
    """Ask a runtime for all rows.

    Raises:
        InvalidInputError: it refuses some; the sentence is the library's own.
    """
    try:
        first, scores = runtime.predict(rows.numeric, rows.text)
    except InvalidInputError as error:
        told = str(error.__cause__ or error)[:_LONGEST_SENTENCE]
        raise InvalidInputError(f"the model refuses held-out rows: {told}") from error
    return Answers(np.asarray(first), None if scores is None else np.asarray(scores))


def check_finite(task: Task, answers: Answers) -> None:
    """Refuse a model that has diverged.

    Raises:
        InvalidInputError: a prediction or probability is not a finite number.
    """
    figures = answers.first if task is Task.REGRESSION else answers.scores
    if figures is not None and not np.isfinite(figures).all():
        raise InvalidInputError(
            "the trained model answers with figures that are not finite; it has diverged"
        )


def compare(task: Task, expected: Answers, found: Answers, *, scale: float) -> Parity:
    """Whether two runtimes answer alike: the same labels on every row, scores within tolerance.

    Args:
        task: Decides what is compared.
        expected: Of the pipeline.
        found: Of the exported graph.
        scale: What a regression's differences are measured by (spread of the target).
    """
    rows, mismatches, difference = len(expected.first), 0, 0.0
    if task is Task.REGRESSION:
        difference = _largest(expected.first, found.first) / scale
    else:
        mismatches = int((expected.first != found.first).sum())
        if expected.scores is not None and found.scores is not None:
            difference = _largest(expected.scores, found.scores)
    reason = ""
    if mismatches:
        reason = f"the graph gives another class on {mismatches} of {rows} held-out rows"
    elif not difference <= TOLERANCE:
        what = "of the target's spread" if task is Task.REGRESSION else "in a probability"
        reason = (
            f"the graph differs by up to {difference:.2g} {what} on {rows} held-out rows, "
            f"more than {TOLERANCE:g}"
        )
    return Parity(
        exported=not reason,
        reason=reason,
        rows=rows,
        label_mismatches=mismatches,
        max_abs_difference=float(difference) if np.isfinite(difference) else -1.0,
        tolerance=TOLERANCE,
    )


def scale_of(target: NDArray[Any]) -> float:
    """The spread of a target; of one that is the same everywhere, its size."""
    return float(target.std()) or float(np.abs(target).max()) or 1.0


def choose_sample(answers: Answers) -> list[int]:
    """Rows to record: of every class one whose answer is clear, then the first ones.

    A row between two classes could come out otherwise on another processor, and its server
    would never be ready.
    """
    rows = np.arange(len(answers.first))
    if answers.scores is not None and answers.scores.shape[1] > 1:
        best = np.sort(answers.scores, axis=1)
        clear = rows[best[:, -1] - best[:, -2] > _CLEAR_MARGIN]
        rows = clear if len(clear) else rows
    if answers.scores is not None:
        _, first = np.unique(answers.first[rows].astype(str), return_index=True)
        ahead = rows[np.sort(first)].tolist()
        rows = np.array(ahead + [row for row in rows.tolist() if row not in set(ahead)])
    return [int(row) for row in rows[:_SAMPLE_ROWS]]


def make_sample(
    spec: ModelSpec, records: list[dict[str, Any]], answers: Answers, *, scale: float
) -> Sample:
    """The recorded question and its answer, out of the runtime that will serve."""
    if spec.task is Task.REGRESSION:
        values = [[float(value)] for value in answers.first]
        return Sample(records=records, scores=values, tolerance=TOLERANCE * scale)
    return Sample(
        records=records,
        classes=answers.first.tolist(),
        scores=[] if answers.scores is None else answers.scores.astype(float).tolist(),
        tolerance=TOLERANCE,
    )


def _largest(expected: NDArray[Any], found: NDArray[Any]) -> float:
    if expected.shape != found.shape:
        return float("inf")
    return float(np.abs(expected.astype(np.float64) - found.astype(np.float64)).max())
