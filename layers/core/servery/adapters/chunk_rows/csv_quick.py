"""CSV whose every row is certainly right, by vectorised code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servery.adapters.chunk_rows.csv_cut import cut, unquoted
from servery.adapters.chunk_rows.csv_numbers import read_numbers
from servery.domain.rows import Rows
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.adapters.chunk_rows.csv_cut import Cut
    from servery.adapters.chunk_rows.csv_places import CsvPlaces
    from servery.domain.inputs import Column, Columns

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
        self._numbers = [i for i, dtype in enumerate(dtypes) if dtype is not Dtype.BOOL]
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
            numeric = matrix.astype(np.float32, order="C")
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
        values = read_numbers(found, [self._places.numeric[i] for i in self._numbers])
        if values is None or not self._bools:
            return values
        matrix = np.empty((len(found.ends), len(self._places.numeric)), np.float64)
        matrix[:, self._numbers] = values
        for index in self._bools:
            try:
                matrix[:, index] = [_BOOLS[cell] for cell in cells[self._places.numeric[index]]]
            except KeyError:
                return None
        return matrix

    def _fit(self, matrix: NDArray[np.float64]) -> bool:
        if self._whole and (np.abs(matrix[:, self._whole]) > _EXACT).any():
            return False
        missing = np.isnan(matrix.sum()) and np.isnan(matrix[:, self._required]).any()
        return not missing and self._columns.numbers_fit(matrix)


def _fits(column: Column, cells: list[str]) -> bool:
    values = set(cells)
    if "" in values:
        if not column.field.nullable:
            return False
        values.discard("")
    return column.allowed is None or values <= column.allowed
