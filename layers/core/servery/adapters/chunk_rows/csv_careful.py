"""CSV row by row, by the standard library's parser: what is wrong is named, the rest is read."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from servery.adapters.chunk_rows.csv_typed import read_numbers, read_texts
from servery.domain.rows import LONGEST_ROW, Rows
from servery.domain.table import Reason, Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.adapters.chunk_rows.csv_places import CsvPlaces
    from servery.domain.inputs import Columns

# The parser's own limit would break a row off in the middle. How long one may be is judged here.
csv.field_size_limit(2**31 - 1)


@dataclass(slots=True)
class _Cut:
    """Rows as they came, the lines before and up to the end of each, and those of all.

    `unended` says that a quote was still open where everything ended.
    """

    rows: list[list[str]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    lines: int = 0
    unended: bool = False


class CarefulCsv:
    """Reads blocks of one layout.

    Args:
        columns: What the model takes.
        places: Where it is.
    """

    def __init__(self, columns: Columns, places: CsvPlaces) -> None:
        self._columns = columns
        self._places = places
        numeric = zip(columns.numeric, places.numeric, strict=True)
        self._place = {c.name: place for c, place in numeric}
        self._place |= {c.name: p for c, p in zip(columns.text, places.text, strict=True)}

    def read(self, block: bytes, line: int, *, last: bool) -> tuple[Rows, int]:
        """The rows of a block of lines, the first of them `line`, and how many bytes they are.

        A row that the block does not hold whole is left to the next one. Where there is none, its
        quote is never closed: then the line it starts on is bad, the next one starts a row, and
        what was read is not aligned.
        """
        text, torn = _decoded(block)
        lines = io.StringIO(text, newline="\n").readlines()
        found = _cut(lines, last=last)
        self._sift(found, lines, torn=torn)
        rows = self._typed(found, line)
        return rows, len(block) - sum(map(_size, lines[found.lines :]))

    def _sift(self, found: _Cut, lines: list[str], *, torn: bool) -> None:
        """Reject the rows that are wrong as a whole."""
        sizes = [0, *accumulate(map(_size, lines))]
        rows, spans = found.rows, found.spans
        found.rows, found.spans = [], []
        for row, (before, end) in zip(rows, spans, strict=True):
            if sizes[end] - sizes[before] > LONGEST_ROW:
                reason = Reason.TOO_LONG
            elif torn and any(map(_is_torn, row)):
                reason = Reason.NOT_UTF8
            elif len(row) < self._places.width:
                reason = Reason.TOO_FEW_FIELDS
            elif len(row) > self._places.width:
                reason = Reason.TOO_MANY_FIELDS
            else:
                found.rows.append(row)
                found.spans.append((before, end))
                continue
            found.rejected.append(Rejection(before + 1, "", reason))

    def _typed(self, found: _Cut, line: int) -> Rows:
        fields: list[Sequence[str]] = list(zip(*found.rows, strict=True))
        fields = fields or [()] * self._places.width
        matrix = np.empty((len(found.rows), len(self._columns.numeric)), np.float64)
        bad: dict[int, tuple[str, Reason]] = {}
        numbers = 0
        for column in self._columns.all:
            cells = fields[self._place[column.name]]
            if column.field.dtype.numeric:
                matrix[:, numbers], wrong = read_numbers(column, cells)
                numbers += 1
            else:
                wrong = read_texts(column, cells)
            for index, reason in wrong.items():
                bad.setdefault(index, (column.name, reason))
        good = [index for index in range(len(found.rows)) if index not in bad]
        text = np.empty((len(good), len(self._places.text)), np.object_)
        for index, place in enumerate(self._places.text):
            text[:, index] = [fields[place][i] for i in good]
        told = [Rejection(found.spans[i][0] + 1, *what) for i, what in bad.items()]
        rejected = sorted([*found.rejected, *told], key=lambda rejection: rejection.line)
        return Rows(
            rows_in=len(good) + len(rejected),
            numeric=matrix[good].astype(np.float32) if self._places.numeric else None,
            text=text if self._places.text else None,
            ids=tuple([fields[place][i] for i in good] for place in self._places.ids),
            starts=np.array([found.spans[i][0] + line for i in good], np.int64),
            rejected=[Rejection(r.line + line - 1, r.column, r.reason) for r in rejected],
            lines=found.lines,
            aligned=not found.unended,
        )


def _cut(lines: list[str], *, last: bool) -> _Cut:
    found = _Cut()
    reader = csv.reader(iter(lines), strict=True)
    while found.lines < len(lines):
        before = found.lines
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            unended = "end of data" in str(error)
            if unended and not last:
                break
            found.rejected.append(Rejection(before + 1, "", Reason.BAD_QUOTING))
            found.lines = before + 1 if unended else reader.line_num
            found.unended = unended
            if unended:
                break
            continue
        found.lines = reader.line_num
        if row:
            found.rows.append(row)
            found.spans.append((before, found.lines))
    return found


def _decoded(block: bytes) -> tuple[str, bool]:
    """Its text, and whether something in it is no UTF-8 and stands there as half surrogates."""
    try:
        return block.decode(), False
    except UnicodeDecodeError:
        return block.decode("utf-8", "surrogateescape"), True


def _size(line: str) -> int:
    return len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))


def _is_torn(cell: str) -> bool:
    return not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell)
