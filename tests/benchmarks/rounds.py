"""Alternating rounds: contestants take turns, so that a busy machine is busy for all of them.

What counts is the processor's time, of all threads, and not the clock's: others that work on the
machine meanwhile then count as little as can be.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """What a contestant took.

    Attributes:
        median: Seconds of the median round.
        low: Seconds of the fastest round.
        high: Seconds of the slowest round.
    """

    median: float
    low: float
    high: float


def alternate(
    contestants: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Processor seconds of each round of each contestant; one round before them does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-1, rounds):
        order = list(contestants.items())
        for name, run in order if turn % 2 else reversed(order):
            gc.collect()
            started = time.process_time()
            run()
            if turn >= 0:
                taken[name].append(time.process_time() - started)
    return taken


def timing(seconds: list[float]) -> Timing:
    """The middle and the spread of some rounds."""
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def ratio(slower: list[float], faster: list[float]) -> Timing:
    """How many times as long one took as the other, round by round."""
    return timing([a / b for a, b in zip(slower, faster, strict=True)])
