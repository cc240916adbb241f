"""Student's t and chi-square in pure Python, as far as intervals and tests need them.

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
    if value <= _TINY:
        return 1.0
    shape, x = freedom / 2, value / 2
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        return 1 - scale * _gamma_series(shape, x)
    return scale * _gamma_fraction(shape, x)


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
