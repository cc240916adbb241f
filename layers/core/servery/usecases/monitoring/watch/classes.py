"""Whether classes are answered about as often as they were on the held-out rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from servery.domain.distributions import hypergeometric_at_least
from servery.domain.watching import Kind, Severity
from servery.usecases.monitoring.watch.columns import CategoryColumn
from servery.usecases.monitoring.watch.evidence import (
    Evidence,
    chance_said,
    worth_testing,
)
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.tally import PREDICTION, Tally
from servery.usecases.monitoring.watch.windows import Window, Windows


def class_shares(asked: Asked, tally: Tally, windows: Windows) -> Iterator[Evidence]:
    """Evidence on each class: that it is absent, and on a rare one that it is frequent."""
    column = tally.answers.columns.get(PREDICTION)
    if not isinstance(column, CategoryColumn):
        return
    members = np.cumsum(column.counts, axis=0)[: windows.drift]
    sizes = members.sum(axis=1).tolist()
    places = worth_testing(sizes, asked.rules.min_samples)
    for index, (name, was) in enumerate(column.baseline.frequencies.items()):
        for place in places:
            count = float(members[place, index])
            one = _Class(asked, windows[place], name, was)
            if was and windows[place].hours >= asked.rules.absent_hours:
                yield one.absent(count, round(sizes[place]))
            if was <= asked.rules.rare_share * column.baseline.count:
                yield one.frequent(count, round(sizes[place]))


class _Class:
    """One class in one window."""

    def __init__(self, asked: Asked, window: Window, name: str, was: int) -> None:
        self._rules, self._window = asked.rules, window
        self._name, self._was = name, was
        self._of = asked.baseline.predictions.count if asked.baseline.predictions else 0

    def absent(self, count: float, size: int) -> Evidence:
        """Evidence that it is not answered any more."""
        p = hypergeometric_at_least(self._was, self._of, math.ceil(count), size)
        share = self._was / self._of
        said = (
            f"none of the {size} requests of {self._window.said} was answered "
            f"{self._name}, as {share:.1%} of the held-out rows were, {chance_said(p)}"
        )
        value = 0.0 if count else self._window.hours
        bound = self._rules.absent_hours
        return self._evidence(Kind.CLASS_ABSENT, value, bound, p=p, size=size, said=said)

    def frequent(self, count: float, size: int) -> Evidence:
        """Evidence that a rare one is answered too often."""
        p = hypergeometric_at_least(math.floor(count), size, self._was, self._of)
        bound = self._rules.rare_factor * max(self._was, 0.5) / self._of
        value = count / size
        said = (
            f"{value:.1%} of the {size} requests of {self._window.said} were "
            f"answered {self._name}, as {self._was / self._of:.1%} of the held-out rows were; "
            f"{bound:.1%} is the bound, {chance_said(p)}"
        )
        return self._evidence(Kind.CLASS_FREQUENT, value, bound, p=p, size=size, said=said)

    def _evidence(
        self, kind: Kind, value: float, bound: float, *, p: float, size: int, said: str
    ) -> Evidence:
        return Evidence(
            kind=kind,
            subject=self._name,
            name="hours" if kind is Kind.CLASS_ABSENT else "share",
            value=value,
            bound=bound,
            over=value >= bound,
            p=p,
            samples=size,
            window=self._window,
            severity=Severity.WARNING,
            said=said,
        )
