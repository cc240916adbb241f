"""Figures that several reports give."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import msgspec

from servery.domain.intervals import Interval, quantile


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its interval of 95 % confidence; without where there is too little for one."""

    value: float
    low: float | None = None
    high: float | None = None


class Quantiles(msgspec.Struct, frozen=True):
    """How values are spread."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    most: float


def estimate(interval: Interval | None) -> Estimate | None:
    """An interval as reports give it."""
    return None if interval is None else Estimate(interval.value, interval.low, interval.high)


def spread(values: Iterable[float]) -> Quantiles | None:
    """How some values are spread; None where there are none."""
    ordered = array("d", sorted(values))
    if not ordered:
        return None
    p50, p90, p99 = (quantile(ordered, share) for share in (0.5, 0.9, 0.99))
    mean = sum(ordered) / len(ordered)
    return Quantiles(len(ordered), mean, p50, p90, p99, ordered[-1])
