"""Intervals that figures of samples come with, and tests of counts; in pure Python.

Shares: Wilson (1927) for one, Newcombe (1998, method 10) for the difference of two. Means: Welch
(1947). Where what is counted comes in groups, as the requests of one key do, neither holds, since
members of a group are alike; there the groups are drawn again (bootstrap).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from servery.domain.distributions import chi_square_above, t_quantile

CONFIDENCE = 0.95
RESAMPLES = 2000

Sums = tuple[float, float]
"""Of a group: the sum of a figure over its members, and how many they are."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and what it may well be in truth.

    Attributes:
        value: The figure of the sample.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether zero is outside: of a difference, that there is one."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Moments:
    """How many values there are, their mean, and the sum of squared distances from it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def variance(self) -> float:
        """Of the sample, unbiased; not a number for fewer than two values."""
        return self.squares / (self.count - 1) if self.count > 1 else math.nan


def moments(values: Sequence[float]) -> Moments:
    """The moments of some values."""
    if not values:
        return Moments()
    mean = math.fsum(values) / len(values)
    return Moments(len(values), mean, math.fsum((value - mean) ** 2 for value in values))


def wilson(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval | None:
    """The share of hits; None where there was nothing to hit."""
    if of <= 0:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = hits / of
    scale = 1 + z * z / of
    middle = (share + z * z / (2 * of)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low = 0.0 if hits == 0 else middle - reach
    high = 1.0 if hits == of else middle + reach
    return Interval(share, low, high)


def newcombe(
    one: tuple[int, int], other: tuple[int, int], confidence: float = CONFIDENCE
) -> Interval | None:
    """How much larger the share of `other` is than that of `one`; each is hits, of.

    None where either has nothing.
    """
    first, second = wilson(*one, confidence), wilson(*other, confidence)
    if first is None or second is None:
        return None
    difference = second.value - first.value
    below = math.hypot(second.value - second.low, first.high - first.value)
    above = math.hypot(second.high - second.value, first.value - first.low)
    return Interval(difference, difference - below, difference + above)


def welch(one: Moments, other: Moments, confidence: float = CONFIDENCE) -> Interval | None:
    """How much larger the mean of `other` is than that of `one`; None with fewer than two each."""
    if min(one.count, other.count) < 2:  # noqa: PLR2004 - a variance needs two
        return None
    parts = [each.variance / each.count for each in (one, other)]
    difference, error = other.mean - one.mean, math.sqrt(sum(parts))
    if not error:
        return Interval(difference, difference, difference)
    squares = (part * part / (m.count - 1) for part, m in zip(parts, (one, other), strict=True))
    freedom = sum(parts) ** 2 / sum(squares)
    reach = t_quantile(0.5 + confidence / 2, freedom) * error
    return Interval(difference, difference - reach, difference + reach)


def bootstrap(
    one: Sequence[Sums],
    other: Sequence[Sums],
    *,
    figure: Callable[[float], float] = float,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Interval | None:
    """How much larger a figure of `other` is than that of `one`, whole groups drawn again.

    Args:
        one: The groups of one side.
        other: Those of the other.
        figure: Of the mean over all members, what is compared: its root, say.
        confidence: Share of the resamples inside.
        resamples: How often is drawn.
        seed: The same one gives the same interval.

    Returns:
        The interval; None where either has fewer than two groups, or no member.
    """
    if min(len(one), len(other)) < 2 or not (_members(one) and _members(other)):  # noqa: PLR2004
        return None
    source = random.Random(seed)  # noqa: S311 - nobody is to guess it wrong
    differences = sorted(
        figure(_drawn(other, source)) - figure(_drawn(one, source)) for _ in range(resamples)
    )
    tail = (1 - confidence) / 2
    return Interval(
        figure(_mean(other)) - figure(_mean(one)),
        quantile(differences, tail),
        quantile(differences, 1 - tail),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the `ordered` ones lies, between the nearest two."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def misfit(counts: Sequence[int], shares: Sequence[float]) -> float:
    """How likely counts are at least as far from their shares as these (Pearson's chi-square).

    Args:
        counts: How many there are of each.
        shares: Their shares, which make the whole; one of 0 has to have nobody.
    """
    total = sum(counts)
    if any(count and not share for count, share in zip(counts, shares, strict=True)):
        return 0.0
    wanted = [(c, total * s) for c, s in zip(counts, shares, strict=True) if s]
    if not total or len(wanted) < 2:  # noqa: PLR2004 - one alone has no choice
        return 1.0
    statistic = sum((count - expected) ** 2 / expected for count, expected in wanted)
    return chi_square_above(statistic, len(wanted) - 1)


def _drawn(groups: Sequence[Sums], source: random.Random) -> float:
    """The mean over as many groups, drawn with repetition, until they have a member."""
    while True:
        drawn = source.choices(groups, k=len(groups))
        if _members(drawn):
            return _mean(drawn)


def _members(groups: Sequence[Sums]) -> float:
    return sum([count for _, count in groups])


def _mean(groups: Sequence[Sums]) -> float:
    return sum([total for total, _ in groups]) / _members(groups)
