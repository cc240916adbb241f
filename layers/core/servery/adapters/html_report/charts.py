"""The charts of a report: two histograms beside each other, requests by the hour, a gauge."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from servery.adapters.html_report import svg

if TYPE_CHECKING:
    from servery.domain.watching import Bar, HourCounts

_WIDTH, _HEIGHT = 360.0, 170.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 6.0, 10.0, 34.0
_MOST_BARS = 24
_MOST_LABELS = 4
_GAP = 0.18  # of a bar's place
_HOURS = 7 * 24
_WIDE, _LOW = 1000.0, 150.0
_GAUGE = 72.0
_SHOWN_BOUNDS = 2.0  # a gauge is so many bounds long


def histograms(bars: list[Bar], name: str) -> str:
    """The training's shares in outline and, in front of them, those of the window."""
    bars = _few(bars)
    if not bars:
        return ""
    most = max(max(bar.baseline, bar.window) for bar in bars) or 1.0
    floor, room = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    step = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    parts = _shares(most, floor, room)
    every = max(1, -(-len(bars) // _MOST_LABELS))
    for place, bar in enumerate(bars):
        x, wide = _LEFT + step * (place + _GAP / 2), step * (1 - _GAP)
        training, now = room * bar.baseline / most, room * bar.window / most
        told = f"{bar.label}: {bar.baseline:.1%} in the training, {bar.window:.1%} now"
        parts.append(
            f"<g><title>{escape(told)}</title>"
            + svg.box(x, floor - training, wide, training, "was")
            + svg.box(x + wide * 0.2, floor - now, wide * 0.6, now, "is")
            + "</g>"
        )
        if place % every == 0:
            label = svg.cut(bar.label, min(step * every, _WIDTH - x) - 4)
            parts.append(svg.text(label, x, floor + 15, "tick"))
    return svg.document(_WIDTH, _HEIGHT - 12, parts, _sentence(bars, name))


def hours(counts: HourCounts) -> str:
    """Requests in each of the last hours, a week at the most; empty where there are none."""
    shown = counts.counts[-_HOURS:]
    if not counts.first or not any(shown):
        return ""
    first = datetime.fromisoformat(counts.first) + timedelta(hours=len(counts.counts) - len(shown))
    most, floor = max(shown), _LOW - 24.0
    room, step = floor - 14.0, (_WIDE - 46.0) / max(24, len(shown))
    parts = [
        svg.line(44, floor, _WIDE, floor, "axis"),
        svg.line(44, floor - room, _WIDE, floor - room, "grid"),
        svg.text(f"{most:,}", 40, floor - room + 4, "tick", "end"),
        svg.text("0", 40, floor + 4, "tick", "end"),
    ]
    for place, count in enumerate(shown):
        at = first + timedelta(hours=place)
        x, tall = 44 + step * place, room * count / most
        parts.append(
            f"<g><title>{at:%Y-%m-%d %H}h: {count:,}</title>"
            + svg.box(x, floor - tall, max(1.0, step * 0.85), tall, "is")
            + "</g>"
        )
        if at.hour == 0 or place == 0:
            said = f"{at:%d %b}" if at.hour == 0 else f"{at:%d %b %H}h"
            if place == 0 or step * place > 70:  # noqa: PLR2004 - the first label's width
                parts.append(svg.text(said, x, floor + 17, "tick"))
    told = f"Requests by the hour: {min(shown):,} to {most:,}, {sum(shown):,} in all"
    return svg.document(_WIDE, _LOW, parts, told)


def gauge(reach: float, *, found: bool) -> str:
    """How far a figure is, with a line at its bound; decoration of a figure that is in words."""
    width = _GAUGE * min(reach / _SHOWN_BOUNDS, 1.0)
    at = _GAUGE / _SHOWN_BOUNDS
    # What is beyond its bound and may be chance is neither well nor wrong.
    kind = "far" if found else "near" if reach <= 1 else "maybe"
    return (
        f'<svg class="gauge" viewBox="0 0 {_GAUGE:.0f} 10" aria-hidden="true">'
        f"{svg.box(0, 2, _GAUGE, 6, 'rail')}{svg.box(0, 2, width, 6, kind)}"
        f"{svg.line(at, 0, at, 10, 'bound')}</svg>"
    )


def _shares(most: float, floor: float, room: float) -> list[str]:
    """The axis, in shares."""
    parts = [svg.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis")]
    for part in (0.5, 1.0):
        y = floor - room * part
        parts.append(svg.line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(svg.text(f"{100 * most * part:.3g}%", _LEFT - 4, y + 4, "tick", "end"))
    return parts


def _few(bars: list[Bar]) -> list[Bar]:
    """So many bars that they can be told apart: of more, those that differ most, in their order."""
    if len(bars) <= _MOST_BARS:
        return bars
    far = sorted(range(len(bars)), key=lambda n: -abs(bars[n].window - bars[n].baseline))
    kept = set(far[:_MOST_BARS])
    return [bar for place, bar in enumerate(bars) if place in kept]


def _sentence(bars: list[Bar], name: str) -> str:
    far = max(bars, key=lambda bar: abs(bar.window - bar.baseline))
    return (
        f"{name}: the largest difference is at {far.label}, "
        f"{far.baseline:.1%} in the training and {far.window:.1%} now"
    )
