"""Where the cells of a block of CSV begin and end, found for all of them at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.rows import LONGEST_ROW

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMA, NEWLINE, QUOTE = b',\n"'
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Cut:
    """A block of rows that all have the fields of the header.

    Attributes:
        octets: The block; it ends with a line feed, and there is no other line end.
        text: The same as text.
        begins: Where each cell begins, shape (rows, fields).
        ends: Its separator.
        lines: How many line feeds there are; those in quotes are among them.
    """

    octets: NDArray[np.uint8]
    text: str
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: int

    def starts(self) -> NDArray[np.int64]:
        """The line that each row starts on, from 0."""
        if self.lines == len(self.ends):
            return np.arange(self.lines, dtype=np.int64)
        feeds = np.flatnonzero(self.octets == NEWLINE)
        return np.searchsorted(feeds, self.begins[:, 0]).astype(np.int64)

    def inside(self, place: int) -> NDArray[np.int64]:
        """The positions of all bytes in the cells of a column."""
        begins, ends = self.begins[:, place], self.ends[:, place]
        lengths = ends - begins
        before = np.cumsum(lengths) - lengths
        return np.repeat(begins - before, lengths) + np.arange(lengths.sum())

    def cells(self, place: int) -> list[str]:
        """The cells of a column as they stand there, in their quotes."""
        text = self.text
        pairs = zip(self.begins[:, place].tolist(), self.ends[:, place].tolist(), strict=True)
        if len(text) == len(self.octets):
            return [text[begin:end] for begin, end in pairs]
        content = self.octets.tobytes()
        return [content[begin:end].decode() for begin, end in pairs]


def cut(block: bytes, width: int) -> Cut | None:
    """Cut a block of rows with so many fields; None where something is not as it should be.

    Quotes are taken to be where they may be: whoever reads a cell that has one has to look.
    """
    if len(block) > LONGEST_ROW or b"\0" in block:
        return None
    returns = b"\r" in block
    if returns:
        block = block.replace(b"\r\n", b"\n")
    if not block.endswith(b"\n"):
        block += b"\n"
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    octets = np.frombuffer(block, np.uint8)
    ends = _ends(octets, width, quoted=b'"' in block)
    if ends is None:
        return None
    lines = int(np.count_nonzero(octets == NEWLINE))
    if returns and (lines != len(ends) or b"\r" in block):
        return None  # one of them is part of a field
    flat = ends.reshape(-1)
    begins = np.concatenate((np.zeros(1, np.int64), flat[:-1] + 1)).reshape(ends.shape)
    if width == 1 and (begins == ends).any():
        return None  # an empty line is no row
    return Cut(octets, text, begins, ends, lines)


def unquoted(cells: list[str]) -> tuple[list[str], int] | None:
    """Cells without their quotes, and how many there were; None where one is out of place."""
    quotes = 0
    plain = []
    for cell in cells:
        if '"' not in cell:
            plain.append(cell)
        elif _QUOTED.fullmatch(cell):
            quotes += cell.count('"')
            plain.append(cell[1:-1].replace('""', '"'))
        else:
            return None
    return plain, quotes


def _ends(octets: NDArray[np.uint8], width: int, *, quoted: bool) -> NDArray[np.int64] | None:
    separates = (octets == COMMA) | (octets == NEWLINE)
    if quoted:
        inside = np.cumsum(octets == QUOTE, dtype=np.uint8) & 1
        if inside[-1]:
            return None
        separates &= inside == 0
    flat = np.flatnonzero(separates)
    if len(flat) % width:
        return None
    ends = flat.reshape(-1, width)
    kinds = octets[ends]
    if (kinds[:, -1] != NEWLINE).any() or (kinds[:, :-1] != COMMA).any():
        return None
    return ends
