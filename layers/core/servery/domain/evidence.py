"""What a version did in a while, counted for its judgement; a request counts once in everything.

Rows of one request are alike, so they are no evidence of their own: its predictions, and the
scores of its rows, count as one each, in parts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from servery.domain.predicted import Class, Predicted

MOST_ROWS = 100
"""Rows of a request that are looked at; those beyond say nothing new of it."""

LEAST = 20
"""Answers of each side below which nothing is said."""

_RARE = 5.0


@dataclass
class Evidence:
    """One side of a judgement.

    Attributes:
        requests: Requests that the version was to answer.
        failed: Of them those that it had no answer for.
        model_ms: Of each answer of its own, milliseconds in the model.
        around_ms: Of the same answers, what came on top from the request to its answer.
        predicted: Requests whose predictions are known.
        classes: What was predicted: by class, how many requests.
        numbers: What was predicted: numbers, each with its part of a request.
        scores: Of each request with labels the mean score of its rows: 1 for a hit and 0 for a
            miss, or the squared error.
        labelled: Rows with a label.
        numeric: Whether the scores are squared errors.
        compared: Rows of which the answer of the other side is known too.
        agreed: Of them those of which both said the same.
    """

    requests: int = 0
    failed: int = 0
    model_ms: array[float] = field(default_factory=lambda: array("d"))
    around_ms: array[float] = field(default_factory=lambda: array("d"))
    predicted: int = 0
    classes: dict[Class, float] = field(default_factory=dict)
    numbers: list[tuple[float, float]] = field(default_factory=list)
    scores: array[float] = field(default_factory=lambda: array("d"))
    labelled: int = 0
    numeric: bool = False
    compared: int = 0
    agreed: int = 0

    def timed(self, latency_ms: float, model_ms: float) -> None:
        """Count how long an answer took."""
        self.model_ms.append(model_ms)
        self.around_ms.append(max(0.0, latency_ms - model_ms))

    def says(self, predicted: Predicted) -> None:
        """Count what an answer predicted; the features of a preprocessor are no predictions."""
        if predicted.classes:
            looked_at = predicted.classes[:MOST_ROWS]
            for one in looked_at:
                self.classes[one] = self.classes.get(one, 0.0) + 1 / len(looked_at)
        elif predicted.numbers and len(predicted.numbers[0]) == 1:
            values = predicted.numbers[:MOST_ROWS]
            self.numbers.extend((value[0], 1 / len(values)) for value in values)
        else:
            return
        self.predicted += 1

    def scored(self, predicted: Predicted, labels: Mapping[int, Class]) -> None:
        """Count how right an answer was where somebody has told."""
        values = [
            value
            for row, label in labels.items()
            if (value := predicted.score(row, label)) is not None
        ]
        if values:
            self.scores.append(sum(values) / len(values))
            self.labelled += len(values)
            self.numeric = predicted.numbers is not None

    @property
    def answered(self) -> int:
        """Of its requests those that it had an answer for."""
        return self.requests - self.failed

    @property
    def failure_share(self) -> float | None:
        """Of its requests those that it had no answer for; None where there are none."""
        return self.failed / self.requests if self.requests else None

    @property
    def score(self) -> float | None:
        """Accuracy, or mean squared error; None without labels."""
        return sum(self.scores) / len(self.scores) if self.scores else None


def usual_around(one: Evidence, other: Evidence) -> float:
    """Milliseconds that usually come on top of the model, by both sides; 0 where nobody knows."""
    together = one.around_ms + other.around_ms
    return median(together) if together else 0.0


def cells(one: Evidence, other: Evidence, *, most: int) -> tuple[list[float], list[float]]:
    """What both sides predicted, counted in the same cells; none where they do not compare.

    Of numbers each cell has the same share of the other side. Classes so rare that a few requests
    more or less would look like a shift share one.

    Args:
        one: The version that is judged.
        other: Who it is held against.
        most: Cells of numbers.
    """
    if one.classes and other.classes:
        return _of_classes(one.classes, other.classes)
    if one.numbers and other.numbers:
        edges = _edges([value for value, _ in other.numbers], most)
        return _of_numbers(one.numbers, edges), _of_numbers(other.numbers, edges)
    return [], []


def _of_classes(
    one: Mapping[Class, float], other: Mapping[Class, float]
) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    rare = [0.0, 0.0]
    for name in {**other, **one}:
        counts = (one.get(name, 0.0), other.get(name, 0.0))
        if sum(counts) < _RARE:
            rare = [rare[0] + counts[0], rare[1] + counts[1]]
            continue
        found[0].append(counts[0])
        found[1].append(counts[1])
    if any(rare):
        found[0].append(rare[0])
        found[1].append(rare[1])
    return found


def _edges(values: Sequence[float], most: int) -> list[float]:
    """Upper ends of all cells but the last, without those that would have nobody between them."""
    ordered = sorted(values)
    places = (len(ordered) * part // most for part in range(1, most))
    return sorted({ordered[place] for place in places if ordered[place] < ordered[-1]})


def _of_numbers(numbers: Sequence[tuple[float, float]], edges: Sequence[float]) -> list[float]:
    counts = [0.0] * (len(edges) + 1)
    for value, part in numbers:
        counts[bisect_left(edges, value)] += part
    return counts
