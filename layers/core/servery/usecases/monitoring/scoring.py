"""Labelled rows become a score with its interval, and two versions a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from servery.domain.evaluations import Against, Compared
from servery.domain.intervals import Interval, Sums, newcombe, wilson
from servery.domain.keeping_rules import Retirement
from servery.domain.ratios import around, between, ratio
from servery.domain.signature import Task
from servery.usecases.monitoring.figures import Estimate
from servery.usecases.monitoring.judged_rows import Judged, Row


@dataclass(frozen=True, slots=True)
class Scoring:
    """By what versions are scored and compared.

    Attributes:
        task: What the model does.
        metric: By what its trainings are judged.
        rules: How many labels, and how sure, a comparison has to be.
    """

    task: Task
    metric: str
    rules: Retirement

    @property
    def shown(self) -> str:
        """What the score is: answers in the log tell no more than classes and numbers."""
        if self.task is Task.CLASSIFICATION:
            return "accuracy"
        return self.metric if self.metric in ("mae", "r2") else "rmse"

    @property
    def more(self) -> bool:
        """Whether more of it is better."""
        return self.shown in ("accuracy", "r2")


def scored(rows: Sequence[Row], scoring: Scoring, variance: float) -> Estimate | None:
    """The score of some rows; None without rows, and for r2 of labels that are all the same.

    Args:
        rows: By request.
        scoring: By what.
        variance: Of the labels.
    """
    count = sum(row.count for row in rows)
    if not count or (scoring.shown == "r2" and not variance):
        return None
    groups = [(row.loss, row.count) for row in rows]
    return _as_score(_loss(groups, count, scoring), scoring, variance)


def _loss(groups: Sequence[Sums], count: int, scoring: Scoring) -> Interval:
    """The mean loss; ends that are no numbers where there is too little for an interval."""
    total = math.fsum(loss for loss, _ in groups)
    if scoring.shown == "accuracy" and len(groups) == count:
        return wilson(round(total), count) or Interval(total / count, math.nan, math.nan)
    found = ratio(groups)
    return around(found) if found else Interval(total / count, math.nan, math.nan)


def _as_score(loss: Interval, scoring: Scoring, variance: float) -> Estimate:
    def score(value: float) -> float:
        match scoring.shown:
            case "accuracy":
                return min(1.0, max(0.0, 1 - value))
            case "r2":
                return 1 - value / variance
            case "rmse":
                return math.sqrt(max(0.0, value))
            case _:
                return max(0.0, value)

    if math.isnan(loss.low):
        return Estimate(score(loss.value))
    ends = sorted((score(loss.low), score(loss.high)))
    return Estimate(score(loss.value), ends[0], ends[1])


def beside(judged: Judged, version: str, champion: str, scoring: Scoring) -> Against | None:
    """A version beside the champion; None while either has too few labelled rows.

    On the same rows where a shadow was asked too and there are enough of them, which takes out how
    hard they were; else each on its own, over the time of the version's.
    """
    rules = scoring.rules
    confidence = 1 - 2 * rules.chance
    pairs = judged.versions[version].pairs
    paired = sum(pair.count for pair in pairs)
    theirs = judged.versions[version].rows
    ours = _same_time(judged.versions[champion].rows, theirs)
    if paired >= rules.min_labels:
        found = ratio([(pair.difference, pair.count) for pair in pairs])
        apart = around(found, confidence) if found else None
        how, counts = Compared.PAIRED, (paired, paired)
    else:
        counts = (_count(theirs), _count(ours))
        apart = (
            _apart(ours, theirs, scoring, confidence) if min(counts) >= rules.min_labels else None
        )
        how = Compared.APART
    if apart is None:
        return None
    scaled = _scaled(apart, ours, theirs, scoring, judged.variance)
    if scaled is None:
        return None
    lower, higher = scaled.high < 0, scaled.low > 0
    return Against(
        version=champion,
        how=how,
        rows=counts[0],
        champion_rows=counts[1],
        difference=scaled.value,
        low=scaled.low,
        high=scaled.high,
        confidence=confidence,
        worse=lower if scoring.more else higher,
        better=higher if scoring.more else lower,
    )


def _apart(
    ours: Sequence[Row], theirs: Sequence[Row], scoring: Scoring, confidence: float
) -> Interval | None:
    """How much larger the version's mean loss is than the champion's."""
    alone = all(row.count == 1 for row in (*ours, *theirs))
    if scoring.shown == "accuracy" and alone:
        counts = [(round(math.fsum(r.loss for r in rows)), len(rows)) for rows in (ours, theirs)]
        return newcombe(counts[0], counts[1], confidence)
    one, other = (ratio([(row.loss, row.count) for row in rows]) for rows in (ours, theirs))
    return between(one, other, confidence) if one and other else None


def _scaled(
    apart: Interval, ours: Sequence[Row], theirs: Sequence[Row], scoring: Scoring, variance: float
) -> Interval | None:
    """A difference of losses as one of scores: roots differ by it over the sum of both roots."""
    match scoring.shown:
        case "accuracy":
            factor = -1.0
        case "r2":
            factor = -1 / variance if variance else 0.0
        case "rmse":
            roots = [math.sqrt(_mean(rows)) for rows in (ours, theirs) if rows]
            whole = sum(roots) * (2 / len(roots)) if roots else 0.0
            factor = 1 / whole if whole else 0.0
        case _:
            factor = 1.0
    if not factor:
        return None
    low, high = sorted((apart.low * factor, apart.high * factor))
    return Interval(apart.value * factor, low, high)


def _same_time(ours: Iterable[Row], theirs: Sequence[Row]) -> list[Row]:
    """Rows of the champion from when the version had its first to when it had its last."""
    if not theirs:
        return list(ours)
    first, last = min(row.time for row in theirs), max(row.time for row in theirs)
    return [row for row in ours if first <= row.time <= last]


def _count(rows: Iterable[Row]) -> int:
    return sum(row.count for row in rows)


def _mean(rows: Sequence[Row]) -> float:
    return math.fsum(row.loss for row in rows) / _count(rows)
