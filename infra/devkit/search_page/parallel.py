"""Parallel coordinates of one architecture: a line for each trial, through its settings."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from devkit.search_page import svg
from devkit.search_page.scales import Scores, fifths, scores, sentence
from devkit.search_study import Axis

if TYPE_CHECKING:
    from devkit.search_study import Architecture, Study, Trial

_WIDTH, _HEIGHT = 1000.0, 300.0
_SIDE, _TOP, _BOTTOM = 90.0, 44.0, 34.0
_LEAST = 130.0  # pixels from one axis to the next
_MOST_CHOICES = 12


@dataclass(frozen=True)
class _Chart:
    """What is drawn, and where.

    Attributes:
        study: The search.
        trials: Of this architecture, the best last, so that it is on top.
        axes: Of the settings.
        scores: The last axis.
        step: Pixels from one axis to the next.
        failed: Whether there is a place for trials without a score.
    """

    study: Study
    trials: list[Trial]
    axes: list[Axis]
    scores: Scores
    step: float
    failed: bool

    @property
    def width(self) -> float:
        """Of the chart, in pixels."""
        return 2 * _SIDE + self.step * len(self.axes)

    @property
    def floor(self) -> float:
        """The lower end of the axes."""
        return _HEIGHT - _BOTTOM

    def x(self, number: int) -> float:
        """Of an axis."""
        return _SIDE + self.step * number

    def y(self, place: float) -> float:
        """Of a place between 0 and 1."""
        return self.floor - (self.floor - _TOP) * place


def parallel(study: Study, architecture: Architecture) -> str:
    """The chart; empty where the architecture has no trial."""
    good = fifths(study)
    trials = [t for t in study.trials if t.candidate == architecture.number]
    if not trials:
        return ""
    axes = list(architecture.axes)
    if study.last_rung:
        rungs = tuple(str(number + 1) for number in range(study.last_rung + 1))
        axes.append(Axis("rung", 0, len(rungs) - 1, choices=rungs))
    chart = _Chart(
        study=study,
        trials=sorted(trials, key=lambda t: (good.get(t.number, -1), -t.number)),
        axes=axes,
        scores=scores(study),
        step=max(_LEAST, (_WIDTH - 2 * _SIDE) / max(1, len(axes))),
        failed=any(not t.done for t in trials),
    )
    parts = [_line(chart, trial, good.get(trial.number)) for trial in chart.trials]
    for number, axis in enumerate(axes):
        parts += _axis(chart, number, axis.name, _few(axis))
    parts += _axis(chart, len(axes), study.metric, chart.scores.ticks())
    if chart.failed:
        parts.append(svg.text("failed", chart.x(len(axes)) + 8, _HEIGHT - 8, "dim"))
    said = f"Settings and {study.metric} of {architecture.name}"
    return svg.document(chart.width, _HEIGHT, parts, said)


def _few(axis: Axis) -> list[tuple[float, str]]:
    ticks = axis.ticks()
    return ticks[:: -(-len(ticks) // _MOST_CHOICES)]


def _axis(chart: _Chart, number: int, name: str, ticks: list[tuple[float, str]]) -> list[str]:
    x, last = chart.x(number), number == len(chart.axes)
    parts = [
        svg.line(x, _TOP, x, chart.floor, "axis"),
        svg.text(svg.cut(name, chart.step - 8), x, _TOP - 16, "name", "middle"),
    ]
    for place, label in ticks:
        y = chart.y(place)
        parts.append(svg.line(x - 3, y, x + 3, y, "axis"))
        cut = svg.cut(label, (_SIDE if last else chart.step / 2) - 12)
        parts.append(svg.text(cut, x + 8, y + 4, "tick"))
    return parts


def _line(chart: _Chart, trial: Trial, fifth: int | None) -> str:
    points = [
        (chart.x(number), chart.y(place))
        for number, axis in enumerate(chart.axes)
        if (place := axis.place(_value(axis, trial))) is not None
    ]
    end = chart.x(len(chart.axes))
    if trial.done and trial.score is not None:
        points.append((end, chart.y(chart.scores.place(trial.score))))
    else:
        points.append((end, _HEIGHT - 12))
    best = chart.study.best
    kind = "q-none" if fifth is None else f"q{fifth}"
    if best is not None and best.number == trial.number:
        kind = "q-best"
    d, said = _curve(points), escape(sentence(chart.study, trial))
    return (
        f'<g class="trial {kind}" data-trial="{trial.number}" data-candidate="{trial.candidate}">'
        f'<title>{said}</title><path class="line" d="{d}"/><path class="reach" d="{d}"/></g>'
    )


def _value(axis: Axis, trial: Trial) -> object:
    return str(trial.rung + 1) if axis.name == "rung" else trial.settings.get(axis.name, ...)


def _curve(points: list[tuple[float, float]]) -> str:
    """A smooth line: what goes through the same choice can be told apart on both sides of it."""
    (x, y), *rest = points
    if not rest:
        return f"M{x - 14:.1f} {y:.1f}H{x:.1f}"
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        bend = (to_x - x) * 0.45
        parts.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)
