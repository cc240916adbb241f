"""Charts of one line each, for terminals: bars, and intervals on a common scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_MOST_BARS = 16


def bar(share: float, width: int = WIDTH) -> str:
    """A bar that fills this share of the width, to an eighth of a character."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def spark(values: Sequence[float], most: float, width: int = _MOST_BARS) -> str:
    """Values as bars of one character each; of more than there is room for, neighbours together.

    Args:
        values: None below 0.
        most: What a full bar stands for, before any are taken together.
        width: The most characters.
    """
    together = max(1, -(-len(values) // width))
    sums = [sum(values[n : n + together]) for n in range(0, len(values), together)]
    full = most * together or 1.0
    steps = len(_HEIGHTS) - 1
    # What is there at all is seen.
    heights = (max(min(steps, round(v / full * steps)), int(v > 0)) for v in sums)
    return "".join(_HEIGHTS[height] for height in heights)


@dataclass(frozen=True)
class Scale:
    """What the left and the right end of a line stand for."""

    left: float
    right: float
    width: int = WIDTH

    def place(self, value: float) -> int:
        """The column of a value; one beyond an end is at it."""
        if self.right <= self.left:
            return self.width // 2
        share = (value - self.left) / (self.right - self.left)
        return min(self.width - 1, max(0, round(share * (self.width - 1))))

    def interval(self, value: float, low: float, high: float, *, mark: float | None = None) -> str:
        """An interval as `├──●──┤`, with a line at `mark`, which is zero for a difference."""
        cells = [" "] * self.width
        start, end = self.place(low), self.place(high)
        for column in range(start, end + 1):
            cells[column] = "─"
        if start < end:
            cells[start], cells[end] = "├", "┤"
        if mark is not None:
            column = self.place(mark)
            cells[column] = "┼" if start < column < end else "│"
        cells[self.place(value)] = "●"
        return "".join(cells).rstrip()


def scale_of(values: Iterable[float], *, width: int = WIDTH) -> Scale:
    """A scale on which all values have room."""
    known = list(values) or [0.0]
    return Scale(min(known), max(known), width)
