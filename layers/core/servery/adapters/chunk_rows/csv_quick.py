"""CSV whose every row is certainly right, by vectorised code.

The numbers of a block are read as one JSON array: separators become commas and the cells of other
columns zeros, in place. orjson reads that two to four times as fast as anything else that numpy
and the standard library have, and rounds each number as `float` does. What its grammar has beyond
numbers is shut out before; what it lacks (`.5`, `+1`, blanks) makes a doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from servery.adapters.chunk_rows.csv_cut import COMMA, cut, unquoted
from servery.domain.rows import Rows
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.adapters.chunk_rows.csv_cut import Cut
    from servery.adapters.chunk_rows.csv_places import CsvPlaces
    from servery.domain.inputs import Column, Columns

_OPEN, _CLOSE, _ZERO, _BLANK = b"[]0 "
# A letter of true, false and null, and what begins a string or an object.
_NO_NUMBERS = (b"u", b"s", b'"', b"{")
_BOOLS = {
    **dict.fromkeys(("1", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("0", "false", "False", "FALSE"), 0.0),
    "": np.nan,
}
_EXACT = 2.0**53


class QuickCsv:
    """Reads blocks of one layout.

    Args:
        columns: What the model takes.
        places: Where it is.
    """

    def __init__(self, columns: Columns, places: CsvPlaces) -> None:
        self._columns = columns
        self._places = places
        self._text = list(zip(columns.text, places.text, strict=True))
        dtypes = [column.field.dtype for column in columns.numeric]
        self._bools = [i for i, dtype in enumerate(dtypes) if dtype is Dtype.BOOL]
        self._whole = [i for i, dtype in enumerate(dtypes) if dtype is Dtype.INT]
        self._required = [i for i, c in enumerate(columns.numeric) if not c.field.nullable]
        numbers = {place for i, place in enumerate(places.numeric) if i not in self._bools}
        self._others = [place for place in range(places.width) if place not in numbers]
        self._apart = {*places.text, *places.ids, *(places.numeric[i] for i in self._bools)}

    def read(self, block: bytes, line: int) -> Rows | None:
        """The rows of a block of lines, the first of them `line`; None where there is a doubt."""
        found = cut(block, self._places.width)
        cells = None if found is None else self._cells(found, block)
        if found is None or cells is None:
            return None
        numeric = None
        if self._places.numeric:
            matrix = self._matrix(found, cells)
            if matrix is None or not self._fit(matrix):
                return None
            numeric = matrix.astype(np.float32)
        text = None
        if self._text:
            if not all(_fits(column, cells[place]) for column, place in self._text):
                return None
            text = np.empty((len(found.ends), len(self._text)), np.object_)
            for index, (_, place) in enumerate(self._text):
                text[:, index] = cells[place]
        return Rows(
            rows_in=len(found.ends),
            numeric=numeric,
            text=text,
            ids=tuple(cells[place] for place in self._places.ids),
            starts=found.starts() + line,
            rejected=[],
            lines=found.lines,
        )

    def _cells(self, found: Cut, block: bytes) -> dict[int, list[str]] | None:
        """The columns that are not read as numbers, or not only so, by their place."""
        cells = {place: found.cells(place) for place in self._apart}
        if b'"' not in block:
            return cells
        quotes = 0
        for place, column in cells.items():
            plain = unquoted(column)
            if plain is None:
                return None
            cells[place], quotes = plain[0], quotes + plain[1]
        return cells if quotes == block.count(b'"') else None

    def _matrix(self, found: Cut, cells: dict[int, list[str]]) -> NDArray[np.float64] | None:
        """The numeric inputs, shape (rows, numeric inputs), nan where null."""
        values = self._values(found)
        if values is None:
            return None
        matrix = values.reshape(found.ends.shape)[:, self._places.numeric]
        for index in self._bools:
            try:
                matrix[:, index] = [_BOOLS[cell] for cell in cells[self._places.numeric[index]]]
            except KeyError:
                return None
        return matrix

    def _values(self, found: Cut) -> NDArray[np.float64] | None:
        """All cells as numbers, nan where empty; those of other columns mean nothing."""
        array = np.empty(len(found.octets) + 1, np.uint8)
        array[0] = _OPEN
        array[1:] = found.octets
        for place in self._others:
            _make_zero(array, found.begins[:, place] + 1, found.ends[:, place] + 1)
        array[found.ends + 1] = COMMA
        array[-1] = _CLOSE
        content = array.tobytes()
        if any(token in content for token in _NO_NUMBERS) or content.count(b"[") > 1:
            return None
        if (found.begins == found.ends).any():
            content = content.replace(b",,", b",null,").replace(b",,", b",null,")
            content = content.replace(b"[,", b"[null,").replace(b",]", b",null]")
        try:
            return np.fromiter(orjson.loads(content), np.float64, found.ends.size)
        except (ValueError, OverflowError):
            return None

    def _fit(self, matrix: NDArray[np.float64]) -> bool:
        if self._whole and (np.abs(matrix[:, self._whole]) > _EXACT).any():
            return False
        missing = np.isnan(matrix.sum()) and np.isnan(matrix[:, self._required]).any()
        return not missing and self._columns.numbers_fit(matrix)


def _make_zero(
    array: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> None:
    """Write 0 into cells, in JSON's way: a digit and blanks. Empty cells stay so."""
    lengths = ends - begins
    before = np.cumsum(lengths) - lengths
    array[np.repeat(begins - before, lengths) + np.arange(lengths.sum())] = _BLANK
    array[begins[lengths > 0]] = _ZERO


def _fits(column: Column, cells: list[str]) -> bool:
    values = set(cells)
    if "" in values:
        if not column.field.nullable:
            return False
        values.discard("")
    return column.allowed is None or values <= column.allowed
