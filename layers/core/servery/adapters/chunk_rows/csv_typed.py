"""Cells of CSV to values, column by column; a column's doubtful cells are examined one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.cells import PARSE, is_null
from servery.domain.signature import Dtype
from servery.domain.table import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from servery.domain.inputs import Column

_EXACT = 2.0**53
_BOOLS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def read_numbers(
    column: Column, cells: Sequence[str]
) -> tuple[NDArray[np.float64], dict[int, Reason]]:
    """The values of a numeric input, nan where null, and the positions of its bad cells."""
    values = _quick(column, cells)
    bad: dict[int, Reason] = {}
    for index in _doubtful(column, values):
        found = _examine(column, cells[index])
        if isinstance(found, Reason):
            bad[index] = found
        else:
            values[index] = math.nan if found is None else found
    return values, bad


def read_texts(column: Column, cells: Sequence[str]) -> dict[int, Reason]:
    """The positions of the bad cells of a text input; the others are their own values."""
    verdicts = {cell: _examine(column, cell) for cell in set(cells)}
    wrong = {cell: found for cell, found in verdicts.items() if isinstance(found, Reason)}
    if not wrong:
        return {}
    return {index: wrong[cell] for index, cell in enumerate(cells) if cell in wrong}


def _quick(column: Column, cells: Sequence[str]) -> NDArray[np.float64]:
    """What cells say where that is plain, nan for all others."""
    if column.field.dtype is Dtype.BOOL:
        return np.array([_BOOLS.get(cell.strip().lower(), math.nan) for cell in cells], np.float64)
    joined = "".join(cells)
    if joined.isascii() and "_" not in joined:
        for texts in (cells, [cell or "nan" for cell in cells]):
            try:
                return np.fromiter(map(float, texts), np.float64, len(cells))
            except ValueError:
                continue
    return np.full(len(cells), math.nan)


def _doubtful(column: Column, values: NDArray[np.float64]) -> list[int]:
    sure = (values >= column.low) & (values <= column.high)
    if column.field.dtype is Dtype.INT:
        sure &= (values == np.floor(values)) & (np.abs(values) <= _EXACT)
    if column.allowed is not None:
        sure &= np.isin(values, np.array(list(column.allowed)))
    return np.flatnonzero(~sure).tolist()


def _examine(column: Column, cell: str) -> float | str | Reason | None:
    """The value of one cell, None for null, or what is wrong with it."""
    dtype = column.field.dtype
    if is_null(dtype, cell):
        return None if column.field.nullable else Reason.MISSING
    value = PARSE[dtype](cell)
    if isinstance(value, Reason):
        return value
    fault = column.fault(value)
    return value if fault is None else fault[0]
