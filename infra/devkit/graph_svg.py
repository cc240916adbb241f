"""A graph as an SVG: self-contained, readable on light and on dark, no scripts."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args
from xml.sax.saxutils import escape

from servery.domain.graphs import Kind

from devkit.graph_layout import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.graph_records import GraphRecord

    from devkit.graph_boxes import Box
    from devkit.graph_layout import Layout, Place

_CHARACTER, _LINE, _TITLE, _PAD = 7.3, 17, 22, 12
_GAP, _BETWEEN, _MARGIN, _WIRE = 24, 52, 24, 12
_LIMIT, _WIDE_LIMIT, _IN_A_ROW = 34, 72, 4
_STYLE = """
svg { color-scheme: light dark;
  --back: #ffffff; --box: #f6f8fa; --edge: #57606a; --text: #1f2328; --dim: #57606a;
  --model: #0969da; --lookup: #9a6700; --group: #8250df; --request: #57606a; --answer: #1a7f37;
  --preprocessor: #1b7c83; --pair: #0969da; --looking_up: #0969da; }
@media (prefers-color-scheme: dark) { svg {
  --back: #0d1117; --box: #161b22; --edge: #8b949e; --text: #e6edf3; --dim: #9198a1;
  --model: #4493f8; --lookup: #d29922; --group: #ab7df8; --request: #8b949e; --answer: #3fb950;
  --preprocessor: #39c5cf; --pair: #4493f8; --looking_up: #4493f8; } }
.back { fill: var(--back); }
.box { fill: var(--box); stroke-width: 1.5; }
.arrow { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.head { fill: var(--edge); }
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: var(--text); }
.title { font-weight: 700; } .dim { fill: var(--dim); }
""" + "".join(
    f".{kind} {{ stroke: var(--{kind}); }} .t-{kind} {{ fill: var(--{kind}); }}\n"
    for kind in ("request", "answer", *get_args(Kind))
)


@dataclass(frozen=True)
class Drawn:
    """A box with its measures in pixels, and the rows of boxes inside it."""

    box: Box
    above: list[str]
    rows: list[list[Drawn]]
    below: list[str]
    width: float
    height: float


@dataclass(frozen=True)
class _Ends:
    """Where the arrows of a place end and begin, and where its level ends."""

    x: float
    top: float
    bottom: float
    below: float


def svg(record: GraphRecord) -> str:
    """The picture of a graph as one SVG document."""
    spec = record.spec
    return document(lay_out(record), f"Graph {spec.name}", spec.description or spec.name)


def document(layout: Layout, title: str, about: str) -> str:
    """A picture as one SVG document.

    Args:
        layout: Where the boxes lie; their kinds are those of graphs, which have the colours.
        title: For those who hear the picture, and
        about: more about it.
    """
    drawn = {
        place.key: _measured(place.box) for level in layout.levels for place in level if place.box
    }
    rows = [_row(level, drawn) for level in layout.levels]
    width = max(sum(row) + _GAP * (len(row) - 1) for row in rows) + 2 * _MARGIN
    parts: list[str] = []
    at: dict[str, _Ends] = {}
    top = float(_MARGIN)
    for level, row in zip(layout.levels, rows, strict=True):
        left = (width - sum(row) - _GAP * (len(row) - 1)) / 2
        height = max(drawn[place.key].height for place in level if place.box)
        for place, wide in zip(level, row, strict=True):
            if place.box:
                parts.append(_boxed(drawn[place.key], left, top))
            bottom = top + (drawn[place.key].height if place.box else 0)
            at[place.key] = _Ends(left + wide / 2, top, bottom, top + height)
            left += wide + _GAP
        top += height + _BETWEEN
    return _document(
        (title, about), width, top - _BETWEEN + _MARGIN, [*_arrows(layout, at), *parts]
    )


def _row(level: Sequence[Place], drawn: dict[str, Drawn]) -> list[float]:
    return [drawn[place.key].width if place.box else float(_WIRE) for place in level]


def _measured(box: Box) -> Drawn:
    limit = _WIDE_LIMIT if box.kind in ("request", "answer") else _LIMIT
    above, below = _wrapped(box.does, limit), _wrapped((*box.takes, *box.rules), limit)
    inside = [_measured(member) for member in box.members]
    across = -(-len(inside) // -(-len(inside) // _IN_A_ROW)) if inside else 1
    rows = [inside[i : i + across] for i in range(0, len(inside), across)]
    longest = max(len(box.name), *map(len, above), *map(len, below), 0)
    widest = max((_across(row) for row in rows), default=0.0)
    height: float = _TITLE + _LINE * (len(above) + len(below)) + 2 * _PAD - 6
    height += sum(max(one.height for one in row) + _PAD for row in rows)
    return Drawn(box, above, rows, below, max(longest * _CHARACTER, widest) + 2 * _PAD, height)


def _across(row: Sequence[Drawn]) -> float:
    return sum(one.width for one in row) + _PAD * (len(row) - 1)


def _boxed(drawn: Drawn, left: float, top: float) -> str:
    kind = drawn.box.kind
    place = f'x="{left:.1f}" y="{top:.1f}" width="{drawn.width:.1f}" height="{drawn.height:.1f}"'
    parts = [f'<rect class="box {kind}" {place} rx="8"/>']
    at = top + _PAD + 10
    parts.append(_text(drawn.box.name, left + _PAD, at, f"title t-{kind}"))
    at += _TITLE - _LINE
    for line in drawn.above:
        at += _LINE
        parts.append(_text(line, left + _PAD, at))
    at += 8
    for row in drawn.rows:
        inner = left + (drawn.width - _across(row)) / 2
        height = max(one.height for one in row)
        for one in row:
            parts.append(_boxed(one, inner, at))
            inner += one.width + _PAD
        at += height + _PAD
    at -= 8
    for line in drawn.below:
        at += _LINE
        parts.append(_text(line, left + _PAD, at, "dim"))
    return "\n".join(parts)


def _text(line: str, left: float, top: float, kind: str = "") -> str:
    said = f' class="{kind}"' if kind else ""
    return f'<text{said} x="{left:.1f}" y="{top:.1f}" xml:space="preserve">{escape(line)}</text>'


def _arrows(layout: Layout, at: dict[str, _Ends]) -> list[str]:
    boxes = {place.key for level in layout.levels for place in level if place.box}
    # Straight down to the end of the level first: a neighbour may be higher.
    parts = [
        f'<path class="arrow" d="M{ends.x:.1f} {ends.bottom:.1f}V{ends.below:.1f}"/>'
        for key, ends in at.items()
        if ends.below > ends.bottom and layout.targets(key)
    ]
    for source, target in layout.arrows:
        parts += _arrow(at[source], at[target], head=target in boxes)
    return parts


def _arrow(source: _Ends, target: _Ends, *, head: bool) -> list[str]:
    (x, y), to_x = (source.x, source.below), target.x
    end = target.top - 8 if head else target.top
    bend = (end - y) / 2
    curve = f"C{x:.1f} {y + bend:.1f} {to_x:.1f} {end - bend:.1f} {to_x:.1f} {end:.1f}"
    parts = [f'<path class="arrow" d="M{x:.1f} {y:.1f}{curve}"/>']
    if head:
        parts.append(f'<path class="head" d="M{to_x - 5:.1f} {end:.1f}h10l-5 8z"/>')
    return parts


def _wrapped(lines: Sequence[str], limit: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, limit, subsequent_indent="  ")]


def _document(named: tuple[str, str], width: float, height: float, parts: Sequence[str]) -> str:
    (title, about), size = named, f'width="{width:.0f}" height="{height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"',
            f' {size} role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(about)}</desc>',
            f"<style>{_STYLE}</style>",
            '<rect class="back" width="100%" height="100%"/>',
            *parts,
            "</svg>\n",
        ]
    )
