"""Successive halving: how many trials each rung has, and with how much of the resource.

After Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
Optimization (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.search_records import Trial


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung.

    Attributes:
        trials: How many are run in it.
        resource: What each of them gets.
    """

    trials: int
    resource: int


def plan(trials: int, *, factor: int, lowest: int, highest: int, given: bool) -> list[Rung]:
    """The rungs, the last of which gives the whole resource.

    As many trials begin as fit into `trials` over all rungs together; one in `factor` goes on,
    with `factor` times the resource.

    Args:
        trials: Most trials of all rungs together.
        factor: One in so many goes on.
        lowest: Least resource that makes sense; where it was `given`, that of the first rung.
        highest: Resource of the last rung.
        given: Whether the first rung has to begin with `lowest`.
    """
    best = [Rung(trials, highest)]
    for first in range(trials, 1, -1):
        counts = _counts(first, factor, highest / max(1, lowest))
        if sum(counts) <= trials:
            steps = len(counts) - 1
            resources = [highest / factor ** (steps - rung) for rung in range(len(counts))]
            if given:
                resources = [min(lowest * factor**rung, highest) for rung in range(len(counts))]
                resources[-1] = highest
            return [
                Rung(count, max(1, round(resource)))
                for count, resource in zip(counts, resources, strict=True)
            ]
    return best


def survivors(trials: Sequence[Trial], count: int, *, higher_is_better: bool) -> list[Trial]:
    """The best so many of a rung, the best one first; equal ones in the order of their numbers."""
    return ranked(trials, higher_is_better=higher_is_better)[:count]


def ranked(trials: Sequence[Trial], *, higher_is_better: bool) -> list[Trial]:
    """Trials that have a score, the best first; equal ones in the order of their numbers."""
    scored = [(trial.mean, trial) for trial in trials if trial.mean is not None]
    sign = -1 if higher_is_better else 1
    return [trial for _, trial in sorted(scored, key=lambda it: (sign * it[0], it[1].number))]


def _counts(first: int, factor: int, ratio: float) -> list[int]:
    """Trials of the rungs, as long as there are some to choose from and resource to begin with."""
    counts = [first]
    while counts[-1] // factor >= 1 and factor ** len(counts) <= ratio:
        counts.append(counts[-1] // factor)
    return counts
