"""What a search has found, read from what the API says: trials, and the axes of their settings."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NO_SPAN = 1e-300  # of which no power of ten can be told


@dataclass(frozen=True)
class Axis:
    """The values that one setting may have, between 0 and 1.

    Attributes:
        name: Of the setting.
        low: Lowest value; of a choice 0.
        high: Highest value; of a choice the number of its last value.
        log: Whether equal factors are equally far apart.
        choices: The values of a choice, as text.
    """

    name: str
    low: float
    high: float
    log: bool = False
    choices: tuple[str, ...] = ()

    def place(self, value: Any) -> float | None:  # noqa: ANN401 - any setting
        """Where a value is; None for one that is no value of this axis."""
        if self.choices:
            said = plain(value)
            if said not in self.choices:
                return None
            number: float = self.choices.index(said)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = value
        else:
            return None
        low, high = self._scaled(self.low), self._scaled(self.high)
        return 0.5 if high <= low else (self._scaled(number) - low) / (high - low)

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Places that are labelled, with their labels."""
        if self.choices:
            return [(self.place(c) or 0.0, c) for c in self.choices]
        values = self._decades(most) if self.log else nice(self.low, self.high, most)
        ends = {self.low, self.high} if len(values) < 2 else set()  # noqa: PLR2004
        known = sorted({*values, *ends})
        return [(self.place(value) or 0.0, plain(value)) for value in known]

    def _decades(self, most: int) -> list[float]:
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = max(1, -(-(last - first + 1) // most))
        return [10.0**power for power in range(first, last + 1, step)]

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else float(value)


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: From 0, in the order in which they were thought of.
        rung: Of successive halving, from 0.
        resource: What its rung gives; None where it gets everything.
        candidate: Number of the architecture.
        settings: Every parameter by its name, those of the preprocessing by `Class.parameter`.
        score: Mean over the folds; None for a trial that has none.
        std: Standard deviation over the folds.
        scores: Of each fold.
        state: done, failed or skipped.
        reason: Why it failed or was skipped.
        seconds: What it took.
        memory_mb: What it was given.
        cost_usd: What that costs.
    """

    number: int
    rung: int
    resource: int | None
    candidate: int
    settings: Mapping[str, Any]
    score: float | None
    std: float | None
    scores: Sequence[float]
    state: str
    reason: str
    seconds: float
    memory_mb: int
    cost_usd: float

    @property
    def done(self) -> bool:
        """Whether it has a score."""
        return self.score is not None


@dataclass(frozen=True)
class Architecture:
    """One candidate: what it is called, and the axes of what is searched in it."""

    number: int
    name: str
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Study:
    """A search with its trials.

    Attributes:
        record: As the API says it.
        architectures: The candidates of the spec.
        trials: By number.
    """

    record: Mapping[str, Any]
    architectures: tuple[Architecture, ...]
    trials: tuple[Trial, ...] = ()

    @property
    def metric(self) -> str:
        """What trials are judged by."""
        return str(self.record["metric"])

    @property
    def higher(self) -> bool:
        """Whether more of the metric is better."""
        return bool(self.record["higher_is_better"])

    @property
    def resource(self) -> str:
        """What successive halving gives its trials more and more of."""
        rules = (self.record.get("spec") or {}).get("search") or {}
        return str((rules.get("halving") or {}).get("resource", "rows"))

    @property
    def last_rung(self) -> int:
        """The highest rung that has been reached; 0 where there is no halving."""
        return max((trial.rung for trial in self.trials), default=0)

    @property
    def ranked(self) -> list[Trial]:
        """Trials that have a score, the best first: those of a later rung before the others."""
        sign = -1 if self.higher else 1
        done = [trial for trial in self.trials if trial.done]
        return sorted(done, key=lambda t: (-t.rung, sign * (t.score or 0.0), t.number))

    @property
    def best(self) -> Trial | None:
        """The best trial: the search's own choice, once it has one."""
        chosen = self.record.get("winner") or self.record.get("best")
        number = chosen["number"] if chosen else None
        told = (trial for trial in self.trials if trial.number == number)
        return next(told, None) or next(iter(self.ranked), None)

    def name(self, trial: Trial) -> str:
        """What the architecture of a trial is called."""
        return self.architectures[trial.candidate].name

    def searched(self, trial: Trial) -> dict[str, Any]:
        """The settings of a trial that may differ from one trial to the next."""
        names = [axis.name for axis in self.architectures[trial.candidate].axes]
        return {name: trial.settings[name] for name in names if name in trial.settings}

    def leading(self) -> Iterator[tuple[Trial, float]]:
        """Each trial in order, with the best score of its rung until then, once there is one."""
        best, rung = None, 0
        for trial in self.trials:
            if trial.rung != rung:
                best, rung = None, trial.rung
            if trial.score is not None and (best is None or self._better(trial.score, best)):
                best = trial.score
            if best is not None:
                yield trial, best

    def _better(self, one: float, other: float) -> bool:
        return one > other if self.higher else one < other


def plain(value: Any) -> str:  # noqa: ANN401 - any setting
    """A setting for people."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return json.dumps(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def nice(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two ends, at most so many."""
    rough = (high - low) / most
    if not rough > _NO_SPAN:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
