"""Whether inputs and answers are spread as in the training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from servery.domain.distributions import hypergeometric_at_least
from servery.domain.watching import Bar, Kind, Severity
from servery.usecases.monitoring.watch.columns import CategoryColumn, Column, NumberColumn
from servery.usecases.monitoring.watch.evidence import (
    Evidence,
    chance_said,
    worth_testing,
)
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.statistics import (
    distance_probability,
    homogeneity,
    neighbours_pooled,
    psi,
    psi_bound,
    rare_pooled,
)
from servery.usecases.monitoring.watch.tally import PREDICTION, Tally
from servery.usecases.monitoring.watch.windows import Windows

LARGE_PSI, LARGE_KS = 0.25, 0.2
"""From here on a drift is a large one: critical where it is of the answers."""
_MOST_BARS = 20


def input_drift(asked: Asked, tally: Tally, windows: Windows) -> Iterator[Evidence]:
    """Evidence on each feature: its spread, and its missing values where it may have some."""
    nullable = {field.name for field in asked.signature.inputs if field.nullable}
    for name, column in tally.features.columns.items():
        drifted = _Drifted(asked, column, windows, Kind.INPUT_DRIFT, name)
        yield from drifted.spread()
        if name in nullable:
            yield from drifted.nulls()


def prediction_drift(asked: Asked, tally: Tally, windows: Windows) -> Iterator[Evidence]:
    """Evidence on the answers, beside those on the held-out rows of the training."""
    column = tally.answers.columns.get(PREDICTION)
    if column is not None:
        name = asked.signature.output.name
        yield from _Drifted(asked, column, windows, Kind.PREDICTION_DRIFT, name).spread()


class _Drifted:
    """One column in all windows."""

    def __init__(
        self, asked: Asked, column: Column, windows: Windows, kind: Kind, subject: str
    ) -> None:
        self._rules = asked.rules
        self._column, self._windows = column, windows
        self._kind, self._subject = kind, subject
        self._present = np.cumsum(column.counts.sum(axis=1))[: windows.drift]
        self._nulls = np.cumsum(column.nulls)[: windows.drift]

    def spread(self) -> Iterator[Evidence]:
        """The stability index of every column, and the KS distance of numbers."""
        labels, baseline, members = self._column.histograms()
        column = self._column
        distances = column.distances() if isinstance(column, NumberColumn) else None
        for place in worth_testing(self._present.tolist(), self._rules.min_samples):
            yield self._index(place, labels, baseline, members[place])
            if distances is not None:
                yield self._distance(place, float(distances[place]))

    def nulls(self) -> Iterator[Evidence]:
        """The share of missing values, both ways."""
        every = self._present + self._nulls
        rows = round(self._column.baseline.count / max(1 - self._column.baseline.nulls, 1e-9))
        had = rows - self._column.baseline.count
        for place in worth_testing(every.tolist(), self._rules.min_samples):
            size = round(float(every[place]))
            missing = min(size, round(float(self._nulls[place])))
            more = hypergeometric_at_least(missing, size, had, rows)
            fewer = hypergeometric_at_least(had, rows, missing, size)
            share, before = missing / size, self._column.baseline.nulls
            p = min(1.0, 2 * min(more, fewer))
            said = (
                f"{self._subject} is missing in {share:.1%} of the rows of "
                f"{self._windows[place].said} ({size} requests) and was in {before:.1%} of the "
                f"training, {chance_said(p)}"
            )
            off = abs(share - before)
            bound = self._rules.nulls
            yield self._evidence("nulls", place, off, bound, p=p, samples=size, said=said)

    def _index(
        self, place: int, labels: list[str], baseline: np.ndarray, members: np.ndarray
    ) -> Evidence:
        if isinstance(self._column, CategoryColumn):
            name = "chi_square"
            old, new = rare_pooled(baseline, members)
        else:
            name = "psi"
            cells = neighbours_pooled(baseline, members)
            old, new = (np.array([s[cell].sum() for cell in cells]) for s in (baseline, members))
        n, m = float(new.sum()), float(old.sum())
        value, p = psi(old, new), homogeneity(old, new)
        bound = psi_bound(self._rules.psi, len(old), n, m)
        severity = self._severity(large=value >= bound - self._rules.psi + LARGE_PSI)
        said = self._said(place, f"PSI {value:.2f} where {bound:.2f} is the bound", p)
        made = self._evidence(name, place, value, bound, p=p, samples=round(n), said=said)
        return replace(made, severity=severity, bars=_bars(labels, baseline, members))

    def _distance(self, place: int, value: float) -> Evidence:
        n = float(self._present[place])
        p = distance_probability(value, n, self._column.baseline.count)
        bound = self._rules.ks
        said = self._said(place, f"KS distance {value:.2f} where {bound:.2f} is the bound", p)
        severity = self._severity(large=value >= LARGE_KS)
        made = self._evidence("ks", place, value, bound, p=p, samples=round(n), said=said)
        return replace(made, severity=severity)

    def _said(self, place: int, figures: str, p: float) -> str:
        answers = self._kind is Kind.PREDICTION_DRIFT
        what = f"the predicted {self._subject}" if answers else self._subject
        than = "on the held-out rows" if answers else "in the training"
        size = round(float(self._present[place]))
        return (
            f"{what} is not spread as {than} in {self._windows[place].said} ({size} requests): "
            f"{figures}{self._moved(place)}, {chance_said(p)}"
        )

    def _moved(self, place: int) -> str:
        """Where the mean of numbers went."""
        if not isinstance(self._column, NumberColumn):
            return ""
        mean = float(np.cumsum(self._column.sums)[place] / self._present[place])
        return f", mean {mean:.4g} and not {self._column.baseline.mean:.4g}"

    def _severity(self, *, large: bool) -> Severity:
        critical = large and self._kind is Kind.PREDICTION_DRIFT
        return Severity.CRITICAL if critical else Severity.WARNING

    def _evidence(
        self,
        name: str,
        place: int,
        value: float,
        bound: float,
        *,
        p: float,
        samples: int,
        said: str,
    ) -> Evidence:
        return Evidence(
            kind=self._kind,
            subject=self._subject,
            name=name,
            value=value,
            bound=bound,
            over=value >= bound,
            p=p,
            samples=samples,
            window=self._windows[place],
            severity=Severity.WARNING,
            said=said,
        )


def _bars(labels: list[str], baseline: np.ndarray, members: np.ndarray) -> list[Bar]:
    """Both histograms; of many categories those that differ most."""
    old, new = baseline / baseline.sum(), members / members.sum()
    furthest = np.argsort(-np.abs(new - old), kind="stable")[:_MOST_BARS]
    shown: list[int] = sorted(furthest.tolist())
    return [
        Bar(label=labels[i], baseline=float(old[i]), window=float(new[i]))
        for i in shown
        if old[i] or new[i]
    ]
