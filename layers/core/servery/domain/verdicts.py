"""What the evidence of a version and of the champion comes to: a verdict on each measure.

Each measure is a test whose probability of a false alarm is known, and all of a stage share the
`chance` that it accepts. A look before there is enough evidence may end a release too, if it is
beyond doubt: so much so that looks may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import msgspec

from servery.domain.evidence import LEAST, Evidence, cells, usual_around
from servery.domain.excess import drift_excess, mean_excess, share_excess, tail_excess
from servery.domain.intervals import moments, quantile
from servery.domain.judging import Aspect, Judgement, Measure, Verdict
from servery.domain.release_rules import Judging
from servery.domain.verdict_words import said

EARLY = 0.1
"""Part of the chance that a look takes which comes before there is enough evidence."""
PER_CELL = 10
MOST_CELLS = 10

_TAIL = 0.95

Test = Callable[[Evidence, Evidence, Judging], Measure | None]


def judged(
    candidate: Evidence, champion: Evidence, rules: Judging, *, final: bool = True
) -> Judgement:
    """The judgement of a version.

    Args:
        candidate: What it did.
        champion: What the champion did in the same time.
        rules: What it is judged by.
        final: Whether its time is over. Before, nothing passes, and what fails is beyond doubt.
    """
    measures = [
        measure
        for test in (_errors, _latency, _drift, _quality)
        if (measure := test(candidate, champion, rules)) is not None
    ]
    least = min(LEAST, rules.min_requests)
    answered = min(candidate.answered, champion.answered)
    enough = candidate.requests >= rules.min_requests and answered >= least
    tested = sum(measure.p is not None for measure in measures)
    chance = rules.chance / max(1, tested) * (1.0 if enough and final else EARLY)
    found = [_decided(measure, chance) for measure in measures]
    if any(measure.verdict is Verdict.FAIL for measure in found):
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.PASS if enough and final else Verdict.UNKNOWN
    found += _agreement(candidate)
    return Judgement(
        verdict=verdict,
        said=said(verdict, found, candidate, champion, rules),
        requests=candidate.requests,
        champion_requests=champion.requests,
        measures=found,
    )


def _decided(measure: Measure, chance: float) -> Measure:
    if measure.p is None:
        return measure
    verdict = Verdict.FAIL if measure.p < chance else Verdict.PASS
    return msgspec.structs.replace(measure, verdict=verdict)


def _errors(candidate: Evidence, champion: Evidence, rules: Judging) -> Measure:
    share = champion.failure_share
    tested = candidate.requests and champion.requests
    p = share_excess(
        (candidate.failed, candidate.requests),
        (champion.failed, champion.requests),
        rules.error_share,
    )
    return Measure(
        name=Aspect.ERRORS,
        candidate=candidate.failure_share,
        champion=share,
        bound=(share or 0.0) + rules.error_share,
        verdict=Verdict.UNKNOWN,
        p=p if tested else None,
    )


def _latency(candidate: Evidence, champion: Evidence, rules: Judging) -> Measure | None:
    """Times in the model, each with what usually comes on top.

    A version with a small share of the requests has more of them wait for a server to start, so
    what each request took around the model says nothing about it.
    """
    if min(len(candidate.model_ms), len(champion.model_ms)) < LEAST:
        return None
    around = usual_around(candidate, champion)
    own, other = (sorted(around + each for each in side.model_ms) for side in (candidate, champion))
    return Measure(
        name=Aspect.LATENCY,
        candidate=quantile(own, _TAIL),
        champion=quantile(other, _TAIL),
        bound=quantile(other, _TAIL) * rules.latency_ratio,
        verdict=Verdict.UNKNOWN,
        p=tail_excess(own, other, rules.latency_ratio),
    )


def _drift(candidate: Evidence, champion: Evidence, rules: Judging) -> Measure | None:
    if min(candidate.predicted, champion.predicted) < LEAST:
        return None
    most = max(2, min(MOST_CELLS, candidate.predicted // PER_CELL))
    own, other = cells(candidate, champion, most=most)
    if not own:
        return None
    index, p = drift_excess(own, other, rules.drift_psi)
    return Measure(
        name=Aspect.DRIFT,
        candidate=index,
        bound=rules.drift_psi,
        verdict=Verdict.UNKNOWN,
        p=p,
    )


def _quality(candidate: Evidence, champion: Evidence, rules: Judging) -> Measure | None:
    """Accuracy, or the squared error, of the rows with labels; none where there are too few."""
    if min(candidate.labelled, champion.labelled) < rules.min_labels:
        return None
    own, other = candidate.scores, champion.scores
    if candidate.numeric:
        allowed = 1 + rules.quality_loss
        bound = fmean(other) * allowed
        p = mean_excess(moments(own), moments([allowed * each for each in other]), 0.0)
    else:
        bound = fmean(other) - rules.quality_loss
        misses, other_misses = ([1 - each for each in side] for side in (own, other))
        if _whole(misses) and _whole(other_misses):
            p = share_excess(
                (round(sum(misses)), len(misses)),
                (round(sum(other_misses)), len(other_misses)),
                rules.quality_loss,
            )
        else:
            p = mean_excess(moments(misses), moments(other_misses), rules.quality_loss)
    return Measure(
        name=Aspect.QUALITY,
        candidate=candidate.score,
        champion=champion.score,
        bound=bound,
        verdict=Verdict.UNKNOWN,
        p=p,
    )


def _agreement(candidate: Evidence) -> list[Measure]:
    """How often both say something else: told, not judged, since the better one has to."""
    if not candidate.compared:
        return []
    share = 1 - candidate.agreed / candidate.compared
    return [Measure(name=Aspect.DISAGREEMENT, candidate=share, bound=1.0, verdict=Verdict.PASS)]


def _whole(values: list[float]) -> bool:
    return all(value in {0.0, 1.0} for value in values)
