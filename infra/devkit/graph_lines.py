"""Arrows between two rows of boxes on a terminal: which run in which line, and the characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_CHARACTERS = {
    UP | DOWN: "│",
    LEFT | RIGHT: "─",
    UP | LEFT: "╯",
    UP | RIGHT: "╰",
    DOWN | LEFT: "╮",
    DOWN | RIGHT: "╭",
    UP | DOWN | LEFT: "┤",
    UP | DOWN | RIGHT: "├",
    LEFT | RIGHT | UP: "┴",
    LEFT | RIGHT | DOWN: "┬",
    UP | DOWN | LEFT | RIGHT: "┼",
}


@dataclass(frozen=True)
class Net:
    """Arrows that share their line: from all of these columns to all of those."""

    sources: tuple[int, ...]
    targets: tuple[int, ...]

    @property
    def ends(self) -> tuple[int, ...]:
        """Every column that it joins."""
        return (*self.sources, *self.targets)

    @property
    def straight(self) -> bool:
        """Whether it needs no line across."""
        return len(set(self.ends)) == 1


class TangledError(Exception):
    """The arrows cannot be drawn without one running into another."""


def nets(arrows: Iterable[tuple[int, int]]) -> list[Net]:
    """Arrows from column to column, those together that lead to the very same places."""
    targets: dict[int, list[int]] = {}
    for source, target in arrows:
        targets.setdefault(source, []).append(target)
    together: dict[tuple[int, ...], list[int]] = {}
    for source, found in targets.items():
        together.setdefault(tuple(sorted(found)), []).append(source)
    return [Net(tuple(sorted(s)), t) for t, s in together.items()]


def draw(arrows: Sequence[tuple[int, int]], heads: Mapping[int, str], width: int) -> list[str]:
    """The lines between two rows of boxes.

    Args:
        arrows: From which column to which.
        heads: What each target's column ends with, an arrow or a line that goes on.
        width: Of the picture.

    Raises:
        TangledError: it cannot be drawn.
    """
    found = nets(arrows)
    lane = _lanes(found)
    height = max(1, *(row + 1 for row in lane.values())) if lane else 1
    cells: dict[tuple[int, int], dict[Net, int]] = {}
    for net in found:
        for cell, ways in _cells(net, lane.get(net, 0), height).items():
            cells.setdefault(cell, {})[net] = ways
    rows = [[" "] * width for _ in range(height)]
    for (row, column), bits in cells.items():
        rows[row][column] = _character(bits, column)
    last = [" "] * width
    for column in {target for net in found for target in net.targets}:
        last[column] = heads[column]
    return ["".join(row).rstrip() for row in [*rows, last]]


def _lanes(found: Sequence[Net]) -> dict[Net, int]:
    """The line of each net that goes across.

    Where one net comes down in the column in which another one goes down, the upper one of the
    two has to be the one that begins there. Of two that share targets the one with more of them
    is the upper one, if that can be: so the other joins it where nothing leads elsewhere.
    """
    across = [net for net in found if not net.straight]
    straight = {net.sources[0] for net in found if net.straight}
    if any(straight & set(net.ends) - _shared(net, found) for net in across):
        raise TangledError
    must = {
        net: {o for o in across if o is not net and set(o.sources) & set(net.targets)}
        for net in across
    }
    may = {net: {o for o in across if set(net.targets) < set(o.targets)} for net in across}
    try:
        return _ordered(across, {net: must[net] | may[net] for net in across})
    except TangledError:
        return _ordered(across, must)


def _ordered(across: Sequence[Net], after: Mapping[Net, set[Net]]) -> dict[Net, int]:
    """Lines from top to bottom, each net below those that it comes after."""
    lane: dict[Net, int] = {}
    while len(lane) < len(across):
        ready = [net for net in across if net not in lane and after[net] <= lane.keys()]
        if not ready:
            raise TangledError
        for net in ready:
            row = max((lane[other] + 1 for other in after[net]), default=0)
            while any(lane.get(other) == row and _touch(net, other) for other in across):
                row += 1
            lane[net] = row
    return lane


def _shared(net: Net, found: Sequence[Net]) -> set[int]:
    """Columns of a net into which a straight one leads as well: there they may join."""
    ends = {other.targets[0] for other in found if other.straight}
    return set(net.targets) & ends


def _touch(one: Net, other: Net) -> bool:
    return min(one.ends) <= max(other.ends) and min(other.ends) <= max(one.ends)


def _cells(net: Net, lane: int, height: int) -> dict[tuple[int, int], int]:
    """The directions in which a net goes from each cell that it is in."""
    cells: dict[tuple[int, int], int] = {}

    def add(row: int, column: int, bits: int) -> None:
        cells[row, column] = cells.get((row, column), 0) | bits

    for column in net.sources:
        for row in range(lane):
            add(row, column, UP | DOWN)
        add(lane, column, UP)
    low, high = min(net.ends), max(net.ends)
    for column in range(low, high + 1):
        add(lane, column, (LEFT if column > low else 0) | (RIGHT if column < high else 0))
    for column in net.targets:
        add(lane, column, DOWN)
        for row in range(lane + 1, height):
            add(row, column, UP | DOWN)
    return cells


def _character(bits: Mapping[Net, int], column: int) -> str:
    """One net alone as it goes; of two that only cross, the one that goes down is in front."""
    joined = all(column in net.targets for net in bits)
    if not joined and UP | DOWN in bits.values():
        return _CHARACTERS[UP | DOWN]
    total = 0
    for one in bits.values():
        total |= one
    return _CHARACTERS.get(total, _CHARACTERS[UP | DOWN])
