"""Whether the answers are as right as they were in the training, by labels that come later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from servery.domain.distributions import binomial_at_most
from servery.domain.signature import Task
from servery.domain.watching import Kind, Severity
from servery.usecases.monitoring.watch.evidence import (
    Evidence,
    chance_said,
    worth_testing,
)
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.tally import Slice
from servery.usecases.monitoring.watch.windows import Window, Windows

ACCURACY, RMSE = "accuracy", "rmse"


def quality(asked: Asked, whole: Sequence[Slice], windows: Windows) -> Iterator[Evidence]:
    """Evidence on the accuracy, or the error, beside the training's and beside what is stated."""
    judge = _error if asked.signature.task is Task.REGRESSION else _accuracy
    for place in worth_testing([each.labelled for each in whole], asked.rules.min_labels):
        yield from judge(asked, whole[place], windows[place])


def _accuracy(asked: Asked, each: Slice, window: Window) -> Iterator[Evidence]:
    """By two tests: of two shares (Agresti and Caffo, 2000), and of one (exact)."""
    n, value = each.labelled, each.scored / each.labelled
    was, rows = asked.metrics.get(ACCURACY), _held_out(asked)
    if was is not None and rows:
        loss = asked.rules.accuracy_loss
        one = (each.scored + 1) / (n + 2)
        other = (was * rows + 1) / (rows + 2)
        deviation = math.sqrt(one * (1 - one) / (n + 2) + other * (1 - other) / (rows + 2))
        p = _normal_above((other - one - loss) / deviation)
        said = f"the accuracy is {value:.1%}, and {was:.1%} in the training"
        yield _evidence(ACCURACY, value, was - loss, p=p, said=said, labelled=n, window=window)
    least = asked.rules.accuracy
    if least is not None:
        p = binomial_at_most(math.ceil(each.scored), n, least)
        said = f"the accuracy is {value:.1%}"
        yield _evidence(ACCURACY, value, least, p=p, said=said, labelled=n, window=window)


def _error(asked: Asked, each: Slice, window: Window) -> Iterator[Evidence]:
    """By the mean of squared errors, whose spread is that of the window for the training too."""
    n, mean = each.labelled, each.scored / each.labelled
    variance = max(0.0, each.squares - n * mean * mean) / (n - 1)
    was, rows = asked.metrics.get(RMSE), _held_out(asked)
    growth = 1 + asked.rules.rmse_growth
    bounds = [(asked.rules.rmse, 0.0, "")]
    if was is not None and rows:
        bounds.append((was * growth, 1 / rows, f", and {was:.4g} in the training"))
    for bound, other, told in bounds:
        if bound is None:
            continue
        deviation = math.sqrt(variance * (1 / n + other))
        p = _normal_above((mean - bound**2) / max(deviation, 1e-300))
        said = f"the root mean squared error is {math.sqrt(mean):.4g}{told}"
        yield _evidence(RMSE, math.sqrt(mean), bound, p=p, said=said, labelled=n, window=window)


def _evidence(
    name: str, value: float, bound: float, *, p: float, said: str, labelled: int, window: Window
) -> Evidence:
    shown = f"{bound:.1%}" if name == ACCURACY else f"{bound:.4g}"
    return Evidence(
        kind=Kind.ACCURACY,
        subject="",
        name=name,
        value=value,
        bound=bound,
        over=value < bound if name == ACCURACY else value > bound,
        p=p,
        samples=labelled,
        window=window,
        severity=Severity.CRITICAL,
        said=f"{said}; {shown} is the bound ({labelled} labelled requests of "
        f"{window.said}, {chance_said(p)})",
    )


def _held_out(asked: Asked) -> int:
    """Rows that the training's figure is of."""
    return asked.baseline.predictions.count if asked.baseline.predictions else 0


def _normal_above(z: float) -> float:
    """How often a standard normal value is above `z`."""
    return math.erfc(z / math.sqrt(2)) / 2
