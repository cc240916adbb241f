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
from typing import TypeVar

Figure = TypeVar("Figure")


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

    def timed(run: Callable[[], object]) -> Callable[[], float]:
        def measure() -> float:
            gc.collect()
            started = time.process_time()
            run()
            return time.process_time() - started

        return measure

    return take_turns({name: timed(run) for name, run in contestants.items()}, rounds)


def take_turns(
    contestants: Mapping[str, Callable[[], Figure]], rounds: int, *, warm: bool = True
) -> dict[str, list[Figure]]:
    """What each contestant measures of itself in each round.

    Args:
        contestants: What each measures.
        rounds: How many count.
        warm: Whether there is one before them that does not.
    """
    taken: dict[str, list[Figure]] = {name: [] for name in contestants}
    for turn in range(-1 if warm else 0, rounds):
        order = list(contestants.items())
        for name, measure in order if turn % 2 else reversed(order):
            figure = measure()
            if turn >= 0:
                taken[name].append(figure)
    return taken


def timing(seconds: list[float]) -> Timing:
    """The middle and the spread of some rounds."""
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def ratio(slower: list[float], faster: list[float]) -> Timing:
    """How many times as long one took as the other, round by round."""
    return timing([a / b for a, b in zip(slower, faster, strict=True)])


def beyond(taken: Mapping[str, list[float]], name: str, *less: str) -> list[float]:
    """What one takes beyond others, round by round."""
    rounds = zip(taken[name], *(taken[other] for other in less), strict=True)
    return [whole - sum(parts) for whole, *parts in rounds]


def said(found: Timing) -> str:
    """A ratio in words."""
    return f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f} by round)"


def cells(seconds: list[float], unit: float = 1e-6) -> list[str]:
    """The middle, the fastest and the slowest round, for a table in units of so many seconds."""
    spread = timing(seconds)
    return [f"{each / unit:,.0f}" for each in (spread.median, spread.low, spread.high)]
