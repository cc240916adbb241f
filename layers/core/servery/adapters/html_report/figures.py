"""The figures of a look, sorted for reading: features, answers, and the service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from servery.domain.watching import Kind

if TYPE_CHECKING:
    from servery.domain.watching import Look, Measure

ANSWERS = (Kind.PREDICTION_DRIFT, Kind.CLASS_ABSENT, Kind.CLASS_FREQUENT)
_SHARES = frozenset({"nulls", "share", "repeat_share", "error_share", "accuracy"})
_LEAST = frozenset({Kind.TOO_FEW, Kind.ACCURACY})  # what the bound is the least of
_TITLES = {"psi": "PSI", "ks": "KS", "chi_square": "χ²", "nulls": "missing"}
_SMALL = 1e-3
_LARGE = 1000


@dataclass
class Subject:
    """A feature or a class with its figures.

    Attributes:
        name: Of it; empty for the answers as a whole.
        measures: By their names, the one that is wrong or else of the longest window.
    """

    name: str
    measures: dict[str, Measure] = field(default_factory=dict)

    def add(self, measure: Measure) -> None:
        """Take a figure, where it says more than the one that is there."""
        known = self.measures.get(measure.name)
        if known is None or _telling(measure) > _telling(known):
            self.measures[measure.name] = measure

    @property
    def found(self) -> bool:
        """Whether something of it is wrong."""
        return any(measure.found for measure in self.measures.values())

    @property
    def worst(self) -> float:
        """How far the worst figure is, as a part of its bound."""
        return max((reach(measure) for measure in self.measures.values()), default=0.0)

    @property
    def chart(self) -> Measure | None:
        """The figure that has the histograms."""
        drawn = [measure for measure in self.measures.values() if measure.bars]
        return max(drawn, key=_telling, default=None)

    @property
    def p(self) -> float | None:
        """The smallest of the probabilities."""
        known = [m.p for m in self.measures.values() if m.p is not None]
        return min(known, default=None)

    @property
    def samples(self) -> int:
        """Requests that the figures are of."""
        return max((measure.samples for measure in self.measures.values()), default=0)

    @property
    def hours(self) -> float:
        """The longest window."""
        return max((measure.hours for measure in self.measures.values()), default=0.0)


def features(look: Look) -> list[Subject]:
    """The features, what is wrong first, then by how far their figures are."""
    return _subjects(m for m in look.measures if m.kind is Kind.INPUT_DRIFT)


def answers(look: Look) -> list[Subject]:
    """The answers, and classes among them."""
    return _subjects(m for m in look.measures if m.kind in ANSWERS)


def service(look: Look) -> list[Measure]:
    """What is of neither: requests, latency, errors, labels; one for each subject and name."""
    chosen: dict[tuple[str, str, str], Measure] = {}
    for measure in look.measures:
        if measure.kind is Kind.INPUT_DRIFT or measure.kind in ANSWERS:
            continue
        key = (measure.kind.value, measure.subject, measure.name)
        known = chosen.get(key)
        if known is None or _telling(measure) > _telling(known):
            chosen[key] = measure
    return list(chosen.values())


def reach(measure: Measure) -> float:
    """How far a figure is, as a part of what it may be at the most; 0 where that is not known."""
    if measure.value is None or not measure.bound or measure.kind in _LEAST:
        return 0.0
    return abs(measure.value) / abs(measure.bound)


def amount(name: str, value: float | None) -> str:
    """A figure for people, by what it is of."""
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value:.2%}" if abs(value) < 0.1 else f"{value:.1%}"  # noqa: PLR2004
    if name == "p95_ms":
        return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"  # noqa: PLR2004
    if abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= _SMALL else f"{value:.2g}"


def title(name: str) -> str:
    """What a figure is called."""
    return _TITLES.get(name, name.replace("_", " "))


def chance(p: float | None) -> str:
    """A probability for people."""
    if p is None:
        return "-"
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"  # noqa: PLR2004


def window(hours: float) -> str:
    """The length of a window for people."""
    if hours <= 0:
        return "-"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.3g} h"


def moment(told: str) -> str:
    """A time for people, to the minute, UTC."""
    try:
        return f"{datetime.fromisoformat(told):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return told


def _subjects(measures: Iterable[Measure]) -> list[Subject]:
    found: dict[str, Subject] = {}
    for measure in measures:
        found.setdefault(measure.subject, Subject(measure.subject)).add(measure)
    return sorted(found.values(), key=lambda s: (not s.found, -s.worst, s.name))


def _telling(measure: Measure) -> tuple[bool, bool, float]:
    return (measure.found, measure.value is not None, measure.hours)
