"""Aggregators that a graph names, and the form that every one of them has.

A deploy lists those that its graphs may name; these are the ones that come along.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Scored = tuple[str, float, float]
"""Name, score and weight of a member that is in."""
NamedAggregator = Callable[[Sequence[Scored]], float]
"""From the members that are in, in declared order and at least one, to the group's value.

What it raises, or a value that is not finite, is a failure of the group.
"""

_TRIMMED_FROM = 3


def trimmed_mean(scores: Sequence[Scored]) -> float:
    """The weighted mean without the lowest and the highest score; of two or one, of all."""
    ordered = sorted(scores, key=lambda scored: scored[1])
    return _mean(ordered[1:-1] if len(ordered) >= _TRIMMED_FROM else ordered)


def geometric_mean(scores: Sequence[Scored]) -> float:
    """The weighted geometric mean; 0 where a score with a weight is 0.

    Raises:
        ValueError: a score is below 0.
    """
    counted = [scored for scored in scores if scored[2]]
    if any(score < 0 for _, score, _ in counted):
        raise ValueError("there is no geometric mean of a score below 0")
    if any(score == 0 for _, score, _ in counted):
        return 0.0
    return math.exp(_mean([(name, math.log(score), weight) for name, score, weight in counted]))


def maximum(scores: Sequence[Scored]) -> float:
    """The highest score."""
    return max(score for _, score, _ in scores)


def minimum(scores: Sequence[Scored]) -> float:
    """The lowest score."""
    return min(score for _, score, _ in scores)


def _mean(scores: Sequence[Scored]) -> float:
    return sum(weight * score for _, score, weight in scores) / sum(w for _, _, w in scores)
