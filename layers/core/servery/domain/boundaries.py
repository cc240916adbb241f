"""Where rows begin in CSV and JSON lines: guessed from a window, or found by reading everything.

A newline in CSV ends a row unless it stands between quotes, which nobody can know for certain who
has not read everything before. A window is enough for a guess by consistency: quotes open where a
field begins and close where one ends, and rows have as many fields as the header. The proof comes
afterwards, from whoever reads the chunks: the first begins with a row, and if at the end of each no
quote is open, so do all the others. JSON lines have a row for each newline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a row beyond which a file is refused: nobody could hold its neighbours."""

_QUOTED = rb'"(?:[^"]++|"")*+"'
# A quote within a field that does not begin with one is a character like any other.
_FIELD = rb"(?:" + _QUOTED + rb'|(?:[^",\r\n][^,\r\n]*+)?)'
_LINE = _FIELD + rb"(?:," + _FIELD + rb")*+\r?\n"
_lines = re.compile(rb"(?:" + _LINE + rb")*+").match
_broken = re.compile(
    rb"(?:" + _FIELD + rb",)*+(?:" + _QUOTED + rb'[^",\r\n]|' + _FIELD + rb"\r[^\n])"
).match

_STRICT = rb"(?:" + _QUOTED + rb'|[^",\r\n]*+)'
_REST = rb"(?:," + _STRICT + rb")*+\r?\n"
_strict_line = re.compile(_STRICT + _REST).match
_rest = re.compile(_REST).match
_strict_fields = re.compile(rb"(?:" + _STRICT + rb",)*+").match
_closing = re.compile(rb'(?:[^"]++|"")*+"').match
_quoted = re.compile(_QUOTED)
_MOST_LINES = 200


class RowSplitter:
    """Parts a stream of bytes into complete rows and the beginning of the next one.

    A field in quotes that is followed by more than a separator makes a bad row, and so does a
    carriage return alone; it ends with the line in which that happens, as it does for those who
    read rows.

    Args:
        quoted: Whether newlines within quotes belong to their row (CSV).
        longest: Most bytes of a row.
    """

    def __init__(self, *, quoted: bool, longest: int = LONGEST_LINE) -> None:
        self._end = _end_of_lines if quoted else _end_of_newlines
        self._longest = longest
        self._rest = b""
        self._passed = 0

    def feed(self, block: bytes) -> bytes:
        """Take the next bytes; the rows that are complete by now.

        Raises:
            InvalidInputError: a row is longer than the bound.
        """
        buffer = self._rest + block
        end = self._end(buffer)
        self._rest = buffer[end:]
        self._passed += end
        if len(self._rest) > self._longest:
            raise too_long(self._passed, self._longest)
        return buffer[:end]

    def rest(self) -> bytes:
        """What is left at the end: a last row without a newline, or nothing."""
        return self._rest


def runs(blocks: Iterable[bytes], splitter: RowSplitter) -> Iterator[bytes]:
    """The same bytes, but each run of them ends where a row ends.

    Raises:
        InvalidInputError: a row is longer than the splitter allows.
    """
    for block in blocks:
        run = splitter.feed(block)
        if run:
            yield run
    if splitter.rest():
        yield splitter.rest()


def too_long(start: int, longest: int) -> InvalidInputError:
    """The error for a row that is longer than the bound.

    Args:
        start: Where it is, in bytes of the data.
        longest: The bound.
    """
    return InvalidInputError(
        f"there is a line longer than {longest:,} bytes, near byte {start:,}; "
        "perhaps a quote is not closed, or it is no file of lines"
    )


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


def _end_of_newlines(buffer: bytes) -> int:
    return buffer.rfind(b"\n") + 1


def _end_of_lines(buffer: bytes) -> int:
    end = 0
    while True:
        quote = buffer.find(b'"', end)
        # Up to the first quote, any newline ends a row.
        end = buffer.rfind(b"\n", end, quote if quote >= 0 else len(buffer)) + 1 or end
        if quote < 0:
            return end
        matched = _lines(buffer, end)
        end = matched.end() if matched else end
        broken = _broken(buffer, end)
        line_end = buffer.find(b"\n", broken.end() - 1) + 1 if broken else 0
        if not line_end:
            return end
        end = line_end
