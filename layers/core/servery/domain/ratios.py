"""Means over members of groups, with intervals that hold though members of a group are alike.

The mean over all members is a ratio of two sums over groups; its variance comes from how far each
group is from that ratio (the linearised variance of survey statistics: Cochran, Sampling
Techniques, chapter 6). With one member a group it is the usual one of a mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from servery.domain.distributions import t_quantile
from servery.domain.intervals import CONFIDENCE, Interval, Sums


@dataclass(frozen=True, slots=True)
class Ratio:
    """A mean over the members of groups.

    Attributes:
        mean: Over all members.
        variance: Of that mean.
        groups: How many there are.
        members: Of all groups.
    """

    mean: float
    variance: float
    groups: int
    members: int


def ratio(groups: Sequence[Sums]) -> Ratio | None:
    """The mean over all members of some groups; None for fewer than two groups with members."""
    held = [(total, count) for total, count in groups if count]
    if len(held) < 2:  # noqa: PLR2004 - a variance needs two
        return None
    members = math.fsum(count for _, count in held)
    mean = math.fsum(total for total, _ in held) / members
    squares = math.fsum((total - mean * count) ** 2 for total, count in held)
    variance = squares / (len(held) - 1) * len(held) / members**2
    return Ratio(mean, variance, len(held), round(members))


def around(one: Ratio, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a mean, by Student's t with a degree less than there are groups."""
    reach = t_quantile(0.5 + confidence / 2, one.groups - 1) * math.sqrt(one.variance)
    return Interval(one.mean, one.mean - reach, one.mean + reach)


def between(one: Ratio, other: Ratio, confidence: float = CONFIDENCE) -> Interval:
    """How much larger the mean of `other` is than that of `one`, whose groups are others; Welch."""
    variance = one.variance + other.variance
    difference = other.mean - one.mean
    if not variance:
        return Interval(difference, difference, difference)
    squares = sum(each.variance**2 / (each.groups - 1) for each in (one, other))
    freedom = variance**2 / squares
    reach = t_quantile(0.5 + confidence / 2, freedom) * math.sqrt(variance)
    return Interval(difference, difference - reach, difference + reach)
