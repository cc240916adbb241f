"""How long a call takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from servery.domain.manifest import Latency

R = TypeVar("R")
_WARM_UP = 3
_FEWEST = 10
_MOST = 300
_SECONDS = 0.3


def measure(call: Callable[[], object]) -> Latency:
    """Call again and again, and say how long a call takes.

    At most 300 times, and no longer than 0.3 s, but 10 times at the least; the first calls,
    which fill caches, do not count. Nothing else runs in a training function meanwhile.
    """
    for _ in range(_WARM_UP):
        call()
    times: list[float] = []
    end = perf_counter() + _SECONDS
    while len(times) < _MOST and (len(times) < _FEWEST or perf_counter() < end):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    times.sort()
    return Latency(p50_ms=_at(times, 0.5), p99_ms=_at(times, 0.99))


def timed(call: Callable[[], R]) -> tuple[R, float]:
    """What a call gives, and the milliseconds that it took."""
    start = perf_counter()
    result = call()
    return result, (perf_counter() - start) * 1000


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 4)
