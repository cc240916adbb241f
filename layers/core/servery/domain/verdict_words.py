"""What a judgement says to a person: one sentence, with the figures that decided it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from servery.domain.evidence import LEAST
from servery.domain.judging import Aspect, Measure, Verdict

if TYPE_CHECKING:
    from servery.domain.evidence import Evidence
    from servery.domain.release_rules import Judging


def said(
    verdict: Verdict,
    measures: Sequence[Measure],
    candidate: Evidence,
    champion: Evidence,
    rules: Judging,
) -> str:
    """The sentence.

    Args:
        verdict: The whole one.
        measures: One by one.
        candidate: What the version did.
        champion: What the champion did.
        rules: What it is judged by.
    """
    told = f"{_count(candidate.requests)} of the version, {champion.requests:,} of the champion"
    if verdict is Verdict.FAIL:
        broken = [measure for measure in measures if measure.verdict is Verdict.FAIL]
        return f"{'; '.join(_broken(measure, candidate) for measure in broken)} ({told})"
    figures = ", ".join(_brief(measure, candidate) for measure in measures if _known(measure))
    if verdict is Verdict.PASS:
        return f"within every bound: {figures} ({told})"
    if candidate.requests < rules.min_requests:
        missing = f"{candidate.requests:,} of {_count(rules.min_requests)} so far"
    elif min(candidate.answered, champion.answered) < min(LEAST, rules.min_requests):
        missing = f"too few answers so far ({told})"
    else:
        missing = f"nothing is beyond doubt before the time is over ({told})"
    return f"{missing}: {figures}" if figures else missing


def _known(measure: Measure) -> bool:
    return measure.candidate is not None


def _broken(measure: Measure, candidate: Evidence) -> str:
    own = _figure(measure, measure.candidate, candidate)
    least = measure.name is Aspect.QUALITY and not candidate.numeric
    bound = f"{_figure(measure, measure.bound, candidate)} is the {'least' if least else 'most'}"
    if measure.champion is None:
        return f"{_name(measure, candidate)} is {own}, and {bound}"
    other = _figure(measure, measure.champion, candidate)
    return f"{_name(measure, candidate)} is {own}, the champion's {other}, and {bound}"


def _brief(measure: Measure, candidate: Evidence) -> str:
    own = _figure(measure, measure.candidate, candidate)
    if measure.champion is None:
        return f"{measure.name} {own}"
    return f"{measure.name} {own} beside {_figure(measure, measure.champion, candidate)}"


def _name(measure: Measure, candidate: Evidence) -> str:
    names = {
        Aspect.ERRORS: "the share of failed requests",
        Aspect.LATENCY: "the p95",
        Aspect.DRIFT: "the shift of the predictions (PSI)",
        Aspect.QUALITY: "the squared error" if candidate.numeric else "the accuracy",
        Aspect.DISAGREEMENT: "the share of other answers",
    }
    return names[measure.name]


def _figure(measure: Measure, value: float | None, candidate: Evidence) -> str:
    if value is None:
        return "unknown"
    if measure.name is Aspect.QUALITY and candidate.numeric:
        return f"{value:.3g}"
    return _FIGURES[measure.name](value)


def _percent(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")


_FIGURES: dict[Aspect, Callable[[float], str]] = {
    Aspect.ERRORS: _percent,
    Aspect.LATENCY: lambda value: f"{value:.3g} ms" if value < 100 else f"{value:,.0f} ms",  # noqa: PLR2004
    Aspect.DRIFT: lambda value: f"{value:.2f}",
    Aspect.QUALITY: _percent,
    Aspect.DISAGREEMENT: _percent,
}


def _count(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests:,} requests"
