"""Student's t, chi-square, binomial and Poisson in pure Python, as intervals and tests need them.

By the continued fraction of the incomplete beta function and the series and fraction of the
incomplete gamma function (Abramowitz and Stegun 26.5.8, 6.5.29 and 6.5.31; evaluated by Lentz's
method), good to about eight digits.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_TINY = 1e-300
_CLOSE = 1e-14
_ROUNDS = 10_000
_FURTHEST = 5.0
_SURE = 0.2  # scaled distance below which Kolmogorov's distribution is 1 to 20 digits
_NORMAL = 1e7  # degrees of freedom from which t is the normal distribution, to seven digits


def t_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t with so many degrees of freedom stays below so often.

    Args:
        probability: Between 0 and 1, the ends excluded.
        freedom: Above 0; need not be whole.
    """
    if freedom > _NORMAL:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:  # noqa: PLR2004 - it is symmetric
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while _t_below(high, freedom) < probability:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_below(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def t_above(value: float, freedom: float) -> float:
    """How often Student's t with so many degrees of freedom is above a value."""
    if freedom > _NORMAL:
        return NormalDist().cdf(-value)
    square = value * value
    whole = freedom + square
    tail = _beta_share(freedom / whole, square / whole, freedom / 2, 0.5) / 2
    return tail if value > 0 else 1 - tail


def chi_square_above(value: float, freedom: float) -> float:
    """How often chi-square with so many degrees of freedom is above a value."""
    return _gamma_shares(freedom / 2, value / 2)[1]


def binomial_at_least(hits: int, of: int, share: float) -> float:
    """How often so many of `of` are hit, or more, where each is hit with probability `share`.

    By the incomplete beta function (Abramowitz and Stegun 26.5.24).
    """
    if hits <= 0:
        return 1.0
    return 0.0 if hits > of else _beta_share(share, 1 - share, hits, of - hits + 1)


def binomial_at_most(hits: int, of: int, share: float) -> float:
    """How often no more than so many of `of` are hit."""
    return binomial_at_least(of - hits, of, 1 - share)


def poisson_at_least(count: int, mean: float) -> float:
    """How often there are so many, or more, of what there are `mean` of (A. and S. 26.4.21)."""
    return 1.0 if count <= 0 else _gamma_shares(count, mean)[0]


def poisson_at_most(count: int, mean: float) -> float:
    """How often there are no more than so many of what there are `mean` of."""
    return 0.0 if count < 0 else _gamma_shares(count + 1, mean)[1]


def hypergeometric_at_least(hits: int, drawn: int, others: int, rest: int) -> float:
    """How often as many hits as these, or more, are among the drawn (Fisher's exact test).

    Args:
        hits: Of the drawn.
        drawn: How many are drawn.
        others: Hits of the rest.
        rest: How many are not drawn.

    Returns:
        The probability where all hits are spread over drawn and rest by chance.
    """
    every = hits + others
    least, most = max(0, every - rest), min(every, drawn)
    if hits <= least:
        return 1.0
    middle = every * drawn / (drawn + rest)
    if hits <= middle:
        below = _hypergeometric_sum(range(hits - 1, least - 1, -1), every, drawn, rest)
        return max(0.0, 1 - below)
    return min(1.0, _hypergeometric_sum(range(hits, most + 1), every, drawn, rest))


def kolmogorov_above(distance: float, size: float) -> float:
    """How often the Kolmogorov-Smirnov distance is at least so large by chance.

    By its limit with the correction for small samples of Stephens (1970), good from a size of 8.

    Args:
        distance: Largest distance of two distribution functions.
        size: Of the sample; of two samples, n m / (n + m).
    """
    root = math.sqrt(size)
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < _SURE:
        return 1.0
    last = math.ceil(_FURTHEST / scaled)  # what comes after it is below 1e-21
    terms = ((-1) ** (j - 1) * math.exp(-2 * (j * scaled) ** 2) for j in range(1, last + 1))
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def _hypergeometric_sum(hits: range, every: int, drawn: int, rest: int) -> float:
    """The probabilities of some numbers of hits, which become smaller and smaller, together."""
    if not hits:
        return 0.0
    chosen = _log_choose(every, hits[0])
    log = chosen + _log_choose(drawn + rest - every, drawn - hits[0])
    term = total = math.exp(log - _log_choose(drawn + rest, drawn))
    for x in hits[:-1]:
        up = (every - x) * (drawn - x)
        down = (x + 1) * (rest - every + x + 1)
        if hits.step < 0:
            up, down = x * (rest - every + x), (every - x + 1) * (drawn - x + 1)
        term *= up / down
        total += term
        if term < total * _CLOSE:
            break
    return total


def _log_choose(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _gamma_shares(shape: float, x: float) -> tuple[float, float]:
    """The regularised incomplete gamma function of `x`, and what it lacks to 1."""
    if x <= _TINY:
        return 0.0, 1.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        below = scale * _gamma_series(shape, x)
        return below, 1 - below
    above = scale * _gamma_fraction(shape, x)
    return 1 - above, above


def _t_below(value: float, freedom: float) -> float:
    """How often t is below a value that is not negative.

    A value near 0 is a part so small of the whole that one less it, rounded, has lost it; so both
    are worked out and handed on.
    """
    square = value * value
    whole = freedom + square
    return 0.5 + _beta_share(square / whole, freedom / whole, 0.5, freedom / 2) / 2


def _beta_share(x: float, rest: float, a: float, b: float) -> float:
    """The regularised incomplete beta function of `x`, which is 1 - `rest`."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * _log(x, rest) + b * _log(rest, x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(rest, b, a) / b


def _log(part: float, rest: float) -> float:
    """The logarithm of what is 1 - `rest`, from the smaller of the two, which is exact."""
    return math.log(part) if part < rest else math.log1p(-rest)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _ROUNDS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _off_zero(1 + step * d)
            c = _off_zero(1 + step / c)
            found *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return found


def _gamma_series(shape: float, x: float) -> float:
    term = total = 1 / shape
    for n in range(1, _ROUNDS):
        term *= x / (shape + n)
        total += term
        if term < total * _CLOSE:
            break
    return total


def _gamma_fraction(shape: float, x: float) -> float:
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / _off_zero(b)
    found = d
    for n in range(1, _ROUNDS):
        step = -n * (n - shape)
        b += 2
        d = 1 / _off_zero(step * d + b)
        c = _off_zero(b + step / c)
        found *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return found


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
