"""What the picture of the timeline is drawn with: colours, texts, boxes, lines and signs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from devkit.demo_lifecycle_timeline import Kind

if TYPE_CHECKING:
    from devkit.demo_lifecycle_timeline import Timeline

LEFT, RIGHT = 196, 1176
"""Where the time begins and ends."""
COLOURS = ("#8c959f", "#1a7f37", "#9a6700", "#8250df", "#0969da", "#1b7c83", "#bf3989")
STYLE = """
svg { color-scheme: light dark;
  --back: #ffffff; --band: #f6f8fa; --edge: #d0d7de; --text: #1f2328; --dim: #57606a;
  --bad: #cf222e; --warn: #bc4c00; --good: #1a7f37; --line: #0969da; }
@media (prefers-color-scheme: dark) { svg {
  --back: #0d1117; --band: #161b22; --edge: #30363d; --text: #e6edf3; --dim: #9198a1;
  --bad: #f85149; --warn: #db6d28; --good: #3fb950; --line: #4493f8; } }
rect { shape-rendering: crispEdges; }
.back { fill: var(--back); } .band { fill: var(--band); }
.edge { stroke: var(--edge); fill: none; } .dash { stroke-dasharray: 3 4; }
.badly { fill: var(--bad); } .right { stroke: var(--line); stroke-width: 2; fill: none; }
.sign { stroke: var(--back); stroke-width: 2; fill: none; }
.alarm { stroke: var(--warn); } .shift { stroke: var(--dim); }
.k-bad { fill: var(--bad); } .k-warn { fill: var(--warn); } .k-dim { fill: var(--dim); }
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: var(--text); }
.head { font-size: 18px; font-weight: 700; } .bold { font-weight: 700; }
.dim { fill: var(--dim); } .small { font-size: 10.5px; }
.inside { fill: #ffffff; font-size: 10.5px; font-weight: 700; }
"""
SIGNS = {
    Kind.REFUSED: ("k-bad", "M-4 -4L4 4M4 -4L-4 4"),
    Kind.ROLLED_BACK: ("k-bad", "M4 3.5A4.4 4.4 0 1 0 -3.6 1.5M-5.5 -1.5L-3.6 2.2L0 0.4"),
    Kind.ALARM: ("k-warn", "M0 -5V1.5M0 3.6V5.4"),
    Kind.SHIFTED: ("k-dim", "M-4.5 2C-2 -6 1.5 7 4.5 -2"),
    Kind.RETIRED: ("k-dim", "M-4.5 0H4.5"),
}


class Scale:
    """Where a time lies, and the colour of a version.

    Args:
        timeline: What is drawn.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._length = timeline.length
        self._places = {version: place for place, version in enumerate(timeline.names)}

    def x(self, at: float) -> float:
        """Pixels from the left."""
        share = min(1.0, max(0.0, at / self._length)) if self._length else 0.0
        return LEFT + share * (RIGHT - LEFT)

    def colour(self, version: str) -> str:
        """The same for a version everywhere in the picture."""
        return COLOURS[self._places.get(version, 0) % len(COLOURS)]


def signed(kind: Kind, x: float, y: float) -> str:
    """The sign of a kind of mark, in a circle."""
    colour, path = SIGNS[kind]
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><circle class="back" r="11"/>'
        f'<circle class="{colour}" r="9"/><path class="sign" d="{path}"/></g>'
    )


def text(
    said: str, x: float, y: float, kind: str, *, middle: bool = False, end: bool = False
) -> str:
    """A line of text, from its left end unless something else is said."""
    anchor = ' text-anchor="middle"' if middle else ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(said)}</text>'


def box(x: float, y: float, wide: float, high: float, *, kind: str = "", paint: str = "") -> str:
    """A rectangle of a class, or painted."""
    looks = f'class="{kind}"' if kind else paint
    return f'<rect {looks} x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"/>'


def line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    """A straight line."""
    return f'<path class="{kind}" d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>'
