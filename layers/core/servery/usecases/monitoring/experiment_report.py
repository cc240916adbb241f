"""What an experiment comes to: its variants, how they differ, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from servery.domain.intervals import (
    CONFIDENCE,
    Interval,
    bootstrap,
    misfit,
    moments,
    newcombe,
    welch,
    wilson,
)
from servery.usecases.monitoring.experiment_views import (
    Difference,
    ExperimentReport,
    ShareCheck,
    VariantReport,
)
from servery.usecases.monitoring.exposures import Exposure, Found, Labels, Tally, tally
from servery.usecases.monitoring.figures import Estimate, estimate, spread

SUSPICIOUS = 0.001
"""A probability below which shares of keys are not what they are by chance."""

ACCURACY, RMSE, ERRORS, LATENCY = "accuracy", "rmse", "error_rate", "latency_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which experiment, and how it was set up.

    Attributes:
        model: Name of the model.
        experiment: Name of the experiment.
        weights: Weight of each variant, the one that others are compared to first; empty where
            the experiment is over.
        sample: Share of the requests that were logged.
        since: When the weights were changed last, ISO 8601, UTC; empty for never.
    """

    model: str
    experiment: str
    weights: Mapping[str, float] = field(default_factory=dict)
    sample: float = 1.0
    since: str = ""


def experiment_report(
    question: Question, lines: Iterable[Exposure], labels: Labels
) -> ExperimentReport:
    """What the lines of the prediction log, and labels, say of an experiment."""
    found = tally(
        lines,
        labels,
        experiment=question.experiment,
        sample=question.sample,
        since=question.since,
    )
    names = [*question.weights, *sorted(set(found.tallies) - set(question.weights))]
    tallies = {name: found.tallies.get(name, Tally()) for name in names}
    scored = [each for each in tallies.values() if each.scored]
    measure = (RMSE if scored[0].numeric else ACCURACY) if scored else ""
    weight = question.weights.get
    return ExperimentReport(
        model=question.model,
        experiment=question.experiment,
        measure=measure,
        confidence=CONFIDENCE,
        sample=question.sample,
        since=question.since,
        variants=[_variant(name, each, weight(name)) for name, each in tallies.items()],
        differences=_differences(tallies),
        shares=_shares(question, found),
        moved=found.moved,
        twice=found.twice,
    )


def _variant(name: str, counted: Tally, weight: float | None) -> VariantReport:
    return VariantReport(
        name=name,
        versions=sorted(counted.versions),
        weight=weight,
        exposures=counted.exposures,
        keys=len(counted.keys),
        errors=counted.errors,
        error_rate=estimate(wilson(counted.errors, counted.exposures)),
        fallbacks=counted.fallbacks,
        latency_ms=spread(counted.latencies),
        labelled=counted.labelled,
        quality=_quality(counted),
    )


def _quality(counted: Tally) -> Estimate | None:
    """Accuracy or error of one variant."""
    if not counted.scored:
        return None
    if not counted.numeric and counted.alone:
        return estimate(wilson(round(counted.score), counted.labelled))
    figure = math.sqrt if counted.numeric else float
    # The difference from one whose every score is 0 is the figure itself.
    found = bootstrap([(0.0, 1.0)] * 2, counted.groups(), figure=figure)
    return estimate(found) or Estimate(figure(counted.score / counted.labelled))


def _differences(tallies: Mapping[str, Tally]) -> list[Difference]:
    found: list[Difference] = []
    names = list(tallies)
    for name in names[1:]:
        one, other = tallies[names[0]], tallies[name]
        told = (
            _quality_difference(one, other),
            (
                ERRORS,
                newcombe((one.errors, one.exposures), (other.errors, other.exposures)),
                "newcombe",
            ),
            (LATENCY, welch(moments(one.latencies), moments(other.latencies)), "welch"),
        )
        found += [
            Difference(
                variant=name,
                against=names[0],
                measure=measure,
                value=interval.value,
                low=interval.low,
                high=interval.high,
                clear=interval.clear,
                method=method,
            )
            for measure, interval, method in told
            if interval is not None
        ]
    return found


def _quality_difference(one: Tally, other: Tally) -> tuple[str, Interval | None, str]:
    if one.numeric or other.numeric:
        return RMSE, bootstrap(one.groups(), other.groups(), figure=math.sqrt), "bootstrap by key"
    if one.alone and other.alone:
        hits, others = round(one.score), round(other.score)
        interval = newcombe((hits, one.labelled), (others, other.labelled))
        return ACCURACY, interval, "newcombe"
    return ACCURACY, bootstrap(one.groups(), other.groups()), "bootstrap by key"


def _shares(question: Question, found: Found) -> ShareCheck | None:
    if not question.weights:
        return None
    keys = {name: len(found.tallies.get(name, Tally()).recent) for name in question.weights}
    probability = misfit(list(keys.values()), list(question.weights.values()))
    return ShareCheck(keys=keys, probability=probability, suspicious=probability < SUSPICIOUS)
