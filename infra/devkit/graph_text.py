"""A graph on a terminal: a box for each step, side by side where they run at the same time."""

from __future__ import annotations

import contextlib
import textwrap
from itertools import product
from typing import TYPE_CHECKING

from devkit.graph_layout import lay_out
from devkit.graph_lines import TangledError, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.graph_records import GraphRecord

    from devkit.graph_boxes import Box
    from devkit.graph_layout import Layout, Place

_WIDE, _TIGHT, _INDENT = 3, 1, "  "  # odd, as every box is
_LIMITS = (44, 38, 34, 30, 26, 24, 22, 20, 18)
_DOWN, _ON = "▼", "│"
_ALONE = 72


def picture(record: GraphRecord, width: int) -> list[str]:
    """The lines of a graph's picture, none of them longer than `width`; see `drawn`."""
    return drawn(lay_out(record), width)


def drawn(layout: Layout, width: int) -> list[str]:
    """The lines of a picture, none of them longer than `width`.

    Texts are wrapped narrower until the picture fits; where it cannot, as with many steps side
    by side on a narrow terminal, the boxes of a level stand in several rows and the arrows are
    left out: what each step takes is in its box.
    """
    for limit in _LIMITS:
        for room, gap in product((width - 4, width // 2, limit + 4), (_WIDE, _TIGHT)):
            rows = [[_drawn(place, limit, room) for place in level] for level in layout.levels]
            if max(_width(row, gap) for row in rows) > width:
                continue
            with contextlib.suppress(TangledError):
                return _joined(layout, rows, gap)
    return _stacked(layout, width)


def box_lines(box: Box, limit: int, room: int) -> list[str]:
    """A box with its title in the border.

    Args:
        box: What is in it.
        limit: Texts are wrapped to so many characters.
        room: For the boxes inside, side by side; more rows of them where it is too little.
    """
    inner = [line for text in box.does for line in _wrapped(text, limit)]
    inner += _rows([box_lines(member, limit, room) for member in box.members], room - 4)
    inner += [line for text in (*box.takes, *box.rules) for line in _wrapped(text, limit)]
    width = max(len(box.name) + 1, *(len(line) for line in inner)) if inner else len(box.name) + 1
    # With odd widths and gaps every middle is a whole column, and arrows go straight down.
    width += 1 - width % 2
    top = f"╭ {box.name} {'─' * (width - len(box.name))}╮"
    return [top, *(f"│ {line:<{width}} │" for line in inner), f"╰{'─' * (width + 2)}╯"]


def _drawn(place: Place, limit: int, room: int) -> list[str]:
    if place.box is None:
        return [_ON]
    alone = place.box.kind in ("request", "answer")
    return box_lines(place.box, min(room, _ALONE) - 4 if alone else limit, room)


def _joined(layout: Layout, rows: list[list[list[str]]], gap: int) -> list[str]:
    """All levels, each in the middle, with the arrows between."""
    total = max(_width(row, gap) for row in rows)
    middles: list[dict[str, int]] = []
    lines: list[str] = []
    for level, row in zip(layout.levels, rows, strict=True):
        start = (total - _width(row, gap)) // 2
        middles.append(_middles(level, row, start, gap))
        if len(middles) > 1:
            lines += _between(layout, level, middles[-2], middles[-1], total)
        low = [at for key, at in middles[-1].items() if layout.targets(key)]
        block = [" " * start + line for line in _side_by_side(row, gap)]
        block[-1] = "".join(
            "┬" if index in low and char == "─" else char for index, char in enumerate(block[-1])
        )
        lines += block
    return [line.rstrip() for line in lines]


def _between(
    layout: Layout, level: list[Place], above: dict[str, int], below: dict[str, int], total: int
) -> list[str]:
    heads = {below[place.key]: _DOWN if place.box else _ON for place in level}
    arrows = [(above[a], below[b]) for a, b in layout.arrows if a in above and b in below]
    return draw(arrows, heads, total)


def _middles(level: list[Place], row: list[list[str]], start: int, gap: int) -> dict[str, int]:
    middles = {}
    for place, lines in zip(level, row, strict=True):
        middles[place.key] = start + len(lines[0]) // 2
        start += len(lines[0]) + gap
    return middles


def _width(row: Sequence[list[str]], gap: int) -> int:
    return sum(len(lines[0]) for lines in row) + gap * (len(row) - 1)


def _side_by_side(row: Sequence[list[str]], gap: int) -> list[str]:
    """Boxes in one row, all as high as the highest."""
    height = max(len(lines) for lines in row)
    lines = zip(*(_stretched(box, height) for box in row), strict=True)
    return [(" " * gap).join(line) for line in lines]


def _stretched(lines: list[str], height: int) -> list[str]:
    if lines == [_ON]:
        return lines * height
    blank = f"│{' ' * (len(lines[0]) - 2)}│"
    return [*lines[:-1], *[blank] * (height - len(lines)), lines[-1]]


def _rows(boxes: Sequence[list[str]], room: int) -> list[str]:
    """Boxes side by side, in as many rows as it takes."""
    rows: list[list[list[str]]] = []
    for box in boxes:
        if rows and _width([*rows[-1], box], _TIGHT) <= room:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [line for row in rows for line in _side_by_side(row, _TIGHT)]


def _stacked(layout: Layout, width: int) -> list[str]:
    """Without arrows from box to box."""
    lines: list[str] = []
    limit = min(_LIMITS[0], width - 5)  # a border takes four, and a box is made odd
    for level in layout.levels:
        boxes = [box_lines(place.box, limit, width) for place in level if place.box]
        lines += [*([f"  {_DOWN}"] if lines else []), *_rows(boxes, width)]
    return lines


def _wrapped(text: str, limit: int) -> list[str]:
    return textwrap.wrap(text, limit, subsequent_indent=_INDENT) or [""]
