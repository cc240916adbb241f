"""Pieces of SVG: text is escaped, numbers are short."""

from __future__ import annotations

from html import escape

FIGURE = 6.6
"""Width of a character of a label, in pixels, about."""


def text(said: str, x: float, y: float, kind: str = "", anchor: str = "") -> str:
    """A line of text."""
    more = f' class="{kind}"' if kind else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(said)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle; one that would be too small to be seen is left out."""
    if width <= 0 or height <= 0:
        return ""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def path(points: list[tuple[float, float]]) -> str:
    """The `d` of a line through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def cut(said: str, width: float) -> str:
    """A label that fits into so many pixels."""
    room = max(3, int(width / FIGURE))
    return said if len(said) <= room else said[: room - 1] + "…"


def document(width: float, height: float, parts: list[str], label: str) -> str:
    """A chart."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">\n'
        + "\n".join(part for part in parts if part)
        + "\n</svg>"
    )
