"""Whether callers are answered, soon enough, and ask different things."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from servery.domain.distributions import binomial_at_least
from servery.domain.watching import Kind, Severity
from servery.usecases.monitoring.watch.evidence import (
    Evidence,
    chance_said,
    worth_testing,
)
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.tally import LATENCY_STEP, Slice, Tally
from servery.usecases.monitoring.watch.windows import Window, Windows

LEAST = 20
"""Requests below which nothing is said; the tests are exact, so it need not be many."""
_SLOWEST = 0.05
_PERCENTILE = 0.95


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of requests that may be no larger than a bound."""

    kind: Kind
    subject: str
    name: str
    severity: Severity
    bound: float
    what: str


def errors(asked: Asked, whole: Sequence[Slice], windows: Windows) -> Iterator[Evidence]:
    """Evidence on requests that failed, by whose fault it was."""
    rules = asked.rules
    server = _Share(
        Kind.ERRORS, "server", "error_share", Severity.CRITICAL, rules.error_share, "failed"
    )
    refused = _Share(
        Kind.ERRORS, "refused", "error_share", Severity.WARNING, rules.refused_share, "were refused"
    )
    sizes = [each.requests for each in whole[: windows.drift]]
    for place in worth_testing(sizes, LEAST):
        each = whole[place]
        yield _exceeded(server, each.failed, each.requests, windows[place])
        yield _exceeded(refused, each.refused, each.requests, windows[place])


def latency(
    asked: Asked, whole: Sequence[Slice], tally: Tally, windows: Windows
) -> Iterator[Evidence]:
    """Evidence on the 95th percentile: it is beyond a bound where more than 5 % of all are."""
    latencies: Counter[int] = Counter()
    sizes = [each.answered for each in whole[: windows.drift]]
    places = worth_testing(sizes, LEAST)
    for place, size in enumerate(sizes):
        latencies += tally.latencies[place]
        if place not in places:
            continue
        slow, bound = whole[place].slow, asked.slowest_ms
        value, p = percentile(latencies), binomial_at_least(slow, size, _SLOWEST)
        yield Evidence(
            kind=Kind.LATENCY,
            subject="",
            name="p95_ms",
            value=value,
            bound=bound,
            over=slow > _SLOWEST * size,
            p=p,
            samples=size,
            window=windows[place],
            severity=Severity.WARNING,
            said=f"{slow / size:.1%} of the {size} answers of {windows[place].said} took longer "
            f"than {bound:.6g} ms, which 5% may; the 95th percentile is {value:.4g} ms, "
            f"{chance_said(p)}",
        )


def repeated(
    asked: Asked, whole: Sequence[Slice], tally: Tally, windows: Windows
) -> Iterator[Evidence]:
    """Evidence on the input that is asked most often."""
    inputs: Counter[bytes] = Counter()
    sizes = [each.inputs for each in whole[: windows.drift]]
    places = worth_testing(sizes, max(LEAST, asked.rules.min_samples))
    bound = asked.rules.repeat_share
    share = _Share(
        Kind.REPEATED,
        "",
        "repeat_share",
        Severity.WARNING,
        bound,
        "asked for the same input",
    )
    for place, size in enumerate(sizes):
        inputs += tally.inputs[place]
        if place in places:
            most = max(inputs.values(), default=0)
            # No more than 1 / bound inputs can have that share, and any of them would do.
            yield _exceeded(share, most, size, windows[place], tries=math.ceil(1 / bound))


def percentile(latencies: Counter[int], share: float = _PERCENTILE) -> float:
    """The latency that a share of the answers stays below, to two per cent; milliseconds."""
    wanted, reached = share * latencies.total(), 0
    for step in sorted(latencies):
        reached += latencies[step]
        if reached >= wanted:
            return math.exp(step * LATENCY_STEP)
    return 0.0


def _exceeded(share: _Share, hits: int, of: int, window: Window, *, tries: int = 1) -> Evidence:
    p = min(1.0, tries * binomial_at_least(hits, of, share.bound))
    return Evidence(
        kind=share.kind,
        subject=share.subject,
        name=share.name,
        value=hits / of,
        bound=share.bound,
        over=hits > share.bound * of,
        p=p,
        samples=of,
        window=window,
        severity=share.severity,
        said=f"{hits} of the {of} requests of {window.said} {share.what} "
        f"({hits / of:.1%}; {share.bound:.1%} is the bound), {chance_said(p)}",
    )
