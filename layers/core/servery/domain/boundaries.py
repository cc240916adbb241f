"""Where rows begin in CSV and JSON lines, guessed from a window.

A newline in CSV ends a row unless it stands between quotes, which nobody can know for certain who
has not read everything before. A window is enough for a guess by consistency: quotes open where a
field begins and close where one ends, and rows have as many fields as the header. The proof comes
afterwards, from whoever reads the chunks: the first begins with a row, and if at the end of each no
quote is open, so do all the others. JSON lines have a row for each newline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from servery.domain.row_splitter import QUOTED

_STRICT = rb"(?:" + QUOTED + rb'|[^",\r\n]*+)'
_REST = rb"(?:," + _STRICT + rb")*+\r?\n"
_strict_line = re.compile(_STRICT + _REST).match
_rest = re.compile(_REST).match
_strict_fields = re.compile(rb"(?:" + _STRICT + rb",)*+").match
_closing = re.compile(rb'(?:[^"]++|"")*+"').match
_quoted = re.compile(QUOTED)
_MOST_LINES = 200


def line_start(window: bytes) -> int | None:
    """The first position behind a newline; None where the window has none."""
    return window.find(b"\n") + 1 or None


def row_start(window: bytes, width: int, *, final: bool) -> int | None:
    """The first position in a window of CSV where a row seems to begin.

    Args:
        window: Bytes from anywhere in the file.
        width: How many fields the header has.
        final: Whether to guess although the window does not tell; it cannot be larger.

    Returns:
        The position behind a newline; None where there is none, or the window does not tell.
    """
    start = line_start(window)
    if start is None:
        return None
    outside, inside = _evidence(window, start, width), _inside(window, start, width)
    if inside is None:
        return start if outside.good or final else None
    if outside.clean and not inside.clean:
        return start
    if inside.clean and not outside.clean:
        return inside.start
    if not final:
        return None
    return inside.start if inside.share > outside.share else start


@dataclass(frozen=True, slots=True)
class _Evidence:
    """How many of the lines from a position on look as they should, if a row begins there."""

    start: int
    good: int = 0
    bad: int = 0

    @property
    def clean(self) -> bool:
        return self.good > 0 and self.bad == 0

    @property
    def share(self) -> float:
        return self.good / (self.good + self.bad) if self.good else 0.0


def _evidence(window: bytes, start: int, width: int) -> _Evidence:
    good = bad = 0
    position = start
    while good + bad < _MOST_LINES:
        line = _strict_line(window, position)
        if line is None:
            end = window.find(b"\n", position) + 1
            if not end or _open_at_end(window, position):
                break
            bad, position = bad + 1, end
            continue
        position = line.end()
        if not line[0].strip(b"\r\n"):
            continue
        fits = _quoted.sub(b"", line[0]).count(b",") == width - 1
        good, bad = good + fits, bad + (not fits)
    return _Evidence(start, good, bad)


def _open_at_end(window: bytes, position: int) -> bool:
    """Whether a line only fails since the window ends within its quotes."""
    fields = _strict_fields(window, position)
    begin = fields.end() if fields else position
    return window[begin : begin + 1] == b'"' and _closing(window, begin + 1) is None


def _inside(window: bytes, start: int, width: int) -> _Evidence | None:
    """The evidence if the position were within quotes; None where it cannot be."""
    closed = _closing(window, start)
    if closed is None or closed.end() == len(window):
        return _Evidence(start)
    if window[closed.end()] not in b",\r\n":
        return None
    rest = _rest(window, closed.end())
    return _Evidence(start) if rest is None else _evidence(window, rest.end(), width)
