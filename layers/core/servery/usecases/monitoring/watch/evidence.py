"""One figure of one window, with what it may be and how likely chance brings it there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from servery.domain.watching import Bar, Finding, Kind, Measure, Severity
from servery.usecases.monitoring.watch.tally import Slice
from servery.usecases.monitoring.watch.windows import Window

MORE = 1.25
"""How many times the requests of a shorter window one has to have to be tested as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A figure.

    Attributes:
        kind: What it is measured for.
        subject: As in findings.
        name: As in measures.
        value: The figure.
        bound: What it may be.
        over: Whether it is beyond.
        p: Probability that chance alone brings it as far; None where chance has no part.
        samples: Requests that it is of.
        window: That it is of.
        severity: How much it matters if it is a finding.
        said: The sentence of that.
        bars: Baseline beside window.
    """

    kind: Kind
    subject: str
    name: str
    value: float
    bound: float
    over: bool
    p: float | None
    samples: int
    window: Window
    severity: Severity
    said: str
    bars: list[Bar] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """As that of the finding."""
        return f"{self.kind.value}:{self.subject}"

    def finding(self) -> Finding:
        """What is wrong, if this is."""
        return Finding(
            kind=self.kind,
            subject=self.subject,
            severity=self.severity,
            said=self.said,
            value=self.value,
            bound=self.bound,
            p=self.p,
            samples=self.samples,
        )

    def measure(self, *, found: bool) -> Measure:
        """The figure for tables and charts."""
        return Measure(
            kind=self.kind,
            subject=self.subject,
            name=self.name,
            value=self.value,
            bound=self.bound,
            p=self.p,
            samples=self.samples,
            hours=self.window.hours,
            found=found,
            bars=self.bars,
        )


def cumulated(slices: Sequence[Slice]) -> list[Slice]:
    """Each window whole: with what is in shorter ones."""
    found: list[Slice] = []
    for each in slices:
        before = found[-1] if found else Slice()
        sums = {
            f.name: getattr(before, f.name) + getattr(each, f.name)
            for f in dataclasses.fields(Slice)
        }
        found.append(Slice(**sums))
    return found


def worth_testing(samples: Sequence[float], least: float) -> list[int]:
    """Windows with enough requests, and so many more than the one before that they tell more."""
    chosen: list[int] = []
    before = 0.0
    for place, size in enumerate(samples):
        if size >= max(least, before * MORE):
            chosen.append(place)
            before = size
    return chosen


def chance_said(p: float) -> str:
    """A probability in words."""
    return "p < 1e-12" if p < 1e-12 else f"p = {p:.2g}"  # noqa: PLR2004
