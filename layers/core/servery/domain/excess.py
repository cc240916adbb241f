"""Whether a figure of one side exceeds that of the other by more than a bound, or only by chance.

Each test gives the probability that chance alone breaks the bound as far, where the two sides
are exactly as far apart as the bound allows; without any difference it is smaller still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from servery.domain.distributions import chi_square_above, t_above
from servery.domain.intervals import Moments

LEAST_SLOWEST = 12
"""Of the slowest of two sides at least so many are looked at, or two small sides tell nothing."""
TAIL = 0.05

_REACH = 7.0  # standard deviations, beyond which there is nothing that counts
_SMOOTH = 0.5  # added to every count, so that none is zero

Count = tuple[int, int]
"""Hits, and of how many."""


def share_excess(one: Count, other: Count, margin: float) -> float:
    """How likely the share of `one` is at least as far above that of `other` plus a margin.

    The score statistic of Farrington and Manning (1990) decides which outcomes are as far; how
    likely those are is added up exactly, at the likeliest shares that are the margin apart. So it
    holds for few requests too, where the normal distribution says too much.
    """
    (hits, of), (other_hits, other_of) = one, other
    if not of or not other_of or hits / of - other_hits / other_of <= margin:
        return 1.0
    seen = _score(hits, of, other_hits, other_of, margin)
    low = _likeliest(hits, of, other_hits, other_of, margin)
    above = _tails(of, min(1.0, low + margin))
    spread = _REACH * math.sqrt(other_of * low * (1 - low)) + _REACH
    first = max(0, math.floor(other_of * low - spread))
    last = min(other_of, math.ceil(other_of * low + spread))
    total, needed = 0.0, 0
    for count in range(first, last + 1):
        while needed <= of and _score(needed, of, count, other_of, margin) < seen - 1e-9:
            needed += 1
        if needed > of:
            break
        total += _binomial(count, other_of, low) * above[needed]
    return min(1.0, total)


def tail_excess(one: Sequence[float], other: Sequence[float], ratio: float) -> float:
    """How likely so many of the slowest are of `one`, were those of `other` `ratio` times slower.

    Of both together, with the other ones stretched, the slowest twentieth is looked at: its share
    of each side is what it would be by lot (the hypergeometric distribution), unless the tail of
    `one` is longer. Nothing is assumed of how times are spread.
    """
    if not one or not other:
        return 1.0
    total = len(one) + len(other)
    top = min(total, max(math.ceil(TAIL * total), LEAST_SLOWEST))
    times = [(time, True) for time in one] + [(ratio * time, False) for time in other]
    slowest = sorted(times)[total - top :]
    own = sum(ours for _, ours in slowest)
    return _hypergeometric_above(own, total, len(one), top)


def drift_excess(one: Sequence[float], other: Sequence[float], bound: float) -> tuple[float, float]:
    """The population stability index of counts, and how likely one as large is under the bound.

    Of equal distributions the index times nm / (n + m) is chi-square with one degree of freedom
    less than there are cells; of such as are an index of `bound` apart it is the non-central
    chi-square. So what few requests add to the index by chance is taken into account.

    Args:
        one: How many there are in each cell on the one side.
        other: The same on the other.
        bound: Index that is allowed.
    """
    cells, size, other_size = len(one), math.fsum(one), math.fsum(other)
    if cells < 2 or not size or not other_size:  # noqa: PLR2004 - one cell alone cannot shift
        return 0.0, 1.0
    index = 0.0
    for count, other_count in zip(one, other, strict=True):
        share = (count + _SMOOTH) / (size + cells * _SMOOTH)
        other_share = (other_count + _SMOOTH) / (other_size + cells * _SMOOTH)
        index += (share - other_share) * math.log(share / other_share)
    scale = size * other_size / (size + other_size)
    return index, _noncentral_above(index * scale, cells - 1, bound * scale)


def mean_excess(one: Moments, other: Moments, margin: float) -> float:
    """How likely the mean of `one` is as far above that of `other` plus a margin (Welch)."""
    if min(one.count, other.count) < 2:  # noqa: PLR2004 - a variance needs two
        return 1.0
    parts = [each.variance / each.count for each in (one, other)]
    difference, error = one.mean - other.mean - margin, math.sqrt(sum(parts))
    if not error:
        return 0.0 if difference > 0 else 1.0
    squares = (part * part / (m.count - 1) for part, m in zip(parts, (one, other), strict=True))
    return t_above(difference / error, sum(parts) ** 2 / sum(squares))


def _score(hits: int, of: int, other_hits: int, other_of: int, margin: float) -> float:
    """How many standard errors the shares are further apart than the margin."""
    distance = hits / of - other_hits / other_of - margin
    low = _likeliest(hits, of, other_hits, other_of, margin)
    high = min(1.0, low + margin)
    variance = high * (1 - high) / of + low * (1 - low) / other_of
    if variance <= 0:
        return math.inf if distance > 0 else -math.inf
    return distance / math.sqrt(variance)


def _likeliest(hits: int, of: int, other_hits: int, other_of: int, margin: float) -> float:
    """The likeliest share of the other side, if that of the one is `margin` more.

    The root of a cubic equation (Miettinen and Nurminen, 1985).
    """
    total, both = of + other_of, hits + other_hits
    if not margin:
        return both / total
    cubic = float(total)
    square = (of + 2 * other_of) * margin - total - both
    linear = (other_of * margin - total - 2 * other_hits) * margin + both
    constant = other_hits * margin * (1 - margin)
    third = square / (3 * cubic)
    q = third**3 - square * linear / (6 * cubic**2) + constant / (2 * cubic)
    p = math.copysign(math.sqrt(max(0.0, third**2 - linear / (3 * cubic))), q)
    if not p:
        return min(1 - margin, max(0.0, -third))
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3)))) / 3
    return min(1 - margin, max(0.0, 2 * p * math.cos(angle) - third))


def _tails(of: int, share: float) -> list[float]:
    """How likely so many hits or more are, for each number of hits."""
    tails = [0.0] * (of + 2)
    for count in range(of, -1, -1):
        tails[count] = tails[count + 1] + _binomial(count, of, share)
    return tails


def _binomial(count: int, of: int, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(count == (of if share >= 1 else 0))
    log = _log_choose(of, count) + count * math.log(share) + (of - count) * math.log1p(-share)
    return math.exp(log)


def _hypergeometric_above(own: int, total: int, ours: int, drawn: int) -> float:
    """How likely `own` or more of `drawn` are among ours, out of a total."""
    whole = _log_choose(total, drawn)
    return min(
        1.0,
        math.fsum(
            math.exp(_log_choose(ours, n) + _log_choose(total - ours, drawn - n) - whole)
            for n in range(own, min(ours, drawn) + 1)
            if drawn - n <= total - ours
        ),
    )


def _noncentral_above(value: float, freedom: int, distance: float) -> float:
    """How often the non-central chi-square is above a value: a Poisson mixture of central ones."""
    mean = distance / 2
    if not mean:
        return chi_square_above(value, freedom)
    reach = _REACH * math.sqrt(mean) + _REACH
    first = max(0, math.floor(mean - reach))
    total, half = 0.0, value / 2
    central = chi_square_above(value, freedom + 2 * first)
    for n in range(first, math.ceil(mean + reach) + 1):
        total += math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) * central
        shape = freedom / 2 + n
        if half > 0:
            central += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
    return min(1.0, total)


def _log_choose(of: int, count: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
