"""Where scores and trials stand in a chart, and how good they are beside the others."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devkit.search_figures import scored
from devkit.search_study import Axis, nice

if TYPE_CHECKING:
    from devkit.search_study import Study, Trial

FIFTHS = 5
_FAR = 1.5
_ENOUGH = 8


@dataclass(frozen=True)
class Scores:
    """The axis of the scores, with its better end up.

    What is far worse than most is at the lower end, so that one bad trial does not press all
    others together.
    """

    axis: Axis
    higher: bool

    def place(self, score: float) -> float:
        """Between 0, the worse end, and 1, the better one."""
        share = self.axis.place(score)
        share = 0.5 if share is None else min(1.0, max(0.0, share))
        return share if self.higher else 1.0 - share

    def beyond(self, score: float) -> bool:
        """Whether a score is so bad that it is shown at the end of the axis."""
        return score < self.axis.low if self.higher else score > self.axis.high

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Places that are labelled, with their labels."""
        values = nice(self.axis.low, self.axis.high, most)
        return [(self.place(value), f"{value:.6g}") for value in values]


def scores(study: Study) -> Scores:
    """The axis on which the scores of a search have room."""
    found = [t.score for t in study.trials if t.done and t.score is not None] or [0.0, 1.0]
    low, high = min(found), max(found)
    if len(found) >= _ENOUGH:
        first, _, last = statistics.quantiles(found, n=4)
        if study.higher:
            low = max(low, first - _FAR * (high - first))
        else:
            high = min(high, last + _FAR * (last - low))
    room = (high - low) * 0.04 or abs(high) * 0.01 or 0.01
    return Scores(Axis(study.metric, low - room, high + room), study.higher)


def fifths(study: Study) -> dict[int, int]:
    """Number of each trial that has a score to its fifth, 0 the worst and 4 the best."""
    ranked = study.ranked
    return {
        trial.number: FIFTHS - 1 - place * FIFTHS // len(ranked)
        for place, trial in enumerate(ranked)
    }


def sentence(study: Study, trial: Trial) -> str:
    """What a trial came to, in a line."""
    if not trial.done or trial.score is None:
        return f"Trial {trial.number}, {study.name(trial)}: {trial.state} {trial.reason}".strip()
    spread = "" if trial.std is None else f" ± {trial.std:.2g}"
    return f"Trial {trial.number}, {study.name(trial)}: {scored(trial.score)}{spread}"
