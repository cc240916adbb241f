"""Parts bytes into rows of CSV or JSON lines by reading everything, in any pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a row beyond which a file is refused: nobody could hold its neighbours."""

QUOTED = rb'"(?:[^"]++|"")*+"'
"""A field in quotes, as a pattern."""

# A quote within a field that does not begin with one is a character like any other.
_FIELD = rb"(?:" + QUOTED + rb'|(?:[^",\r\n][^,\r\n]*+)?)'
_LINE = _FIELD + rb"(?:," + _FIELD + rb")*+\r?\n"
_lines = re.compile(rb"(?:" + _LINE + rb")*+").match
_broken = re.compile(
    rb"(?:" + _FIELD + rb",)*+(?:" + QUOTED + rb'[^",\r\n]|' + _FIELD + rb"\r[^\n])"
).match


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
