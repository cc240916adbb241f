"""The filter of bad rows: cells become typed values, and each bad row gets its reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.cells import PARSE, is_null
from servery.domain.columns import Columns, Values
from servery.domain.datatypes import FLOAT32_MAX
from servery.domain.signature import Dtype
from servery.domain.spec import Column, Role
from servery.domain.table import Chunk, Reason, Rejection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ARRAY: dict[Dtype, Any] = {
    Dtype.FLOAT: np.float64,
    Dtype.INT: np.int64,
    Dtype.BOOL: np.bool_,
    Dtype.STRING: np.object_,
}
_EMPTY: dict[Dtype, Any] = {
    Dtype.FLOAT: math.nan,
    Dtype.INT: 0,
    Dtype.BOOL: False,
    Dtype.STRING: "",
}


def check_column(column: Column, cells: list[object]) -> tuple[Values, dict[int, Reason]]:
    """Make the cells of a column into values.

    Returns:
        The values (those of bad rows mean nothing), and the position of each bad one with its
        reason.
    """
    bad: dict[int, Reason] = {}
    nulls = np.zeros(len(cells), dtype=np.bool_)
    values = _quick(column, cells)
    if values is None:
        values = np.empty(len(cells), dtype=_ARRAY[column.dtype])
        parse = PARSE[column.dtype]
        for index, cell in enumerate(cells):
            empty = is_null(column.dtype, cell)
            parsed = Reason.MISSING if empty else parse(cell)
            nulls[index] = empty
            if isinstance(parsed, Reason):
                values[index] = _EMPTY[column.dtype]
                if not (empty and column.nullable):
                    bad[index] = parsed
            else:
                values[index] = parsed
    for index in np.flatnonzero(_not_allowed(column, values) & ~nulls).tolist():
        bad.setdefault(index, Reason.OUT_OF_RANGE if column.range else Reason.UNKNOWN_CATEGORY)
    return Values(column.dtype, values, nulls), bad


def _quick(column: Column, cells: list[object]) -> NDArray[Any] | None:
    """Whole columns of good numbers at once; None where a cell wants a closer look."""
    if column.dtype not in (Dtype.FLOAT, Dtype.INT):
        return None
    texts = [cell for cell in cells if isinstance(cell, str)]
    joined = "".join(texts)
    if len(texts) < len(cells) or not joined.isascii() or "_" in joined:
        return None
    number: Callable[[str], float] = float if column.dtype is Dtype.FLOAT else int
    try:
        values = np.array(list(map(number, texts)), dtype=_ARRAY[column.dtype])
    except (ValueError, OverflowError):
        return None
    if column.dtype is Dtype.FLOAT:
        if not (np.abs(values) <= FLOAT32_MAX).all():
            return None
        values += 0.0  # minus zero becomes zero: equal values have one digest
    return values


def _not_allowed(column: Column, values: NDArray[Any]) -> NDArray[np.bool_]:
    if column.range is not None:
        low, high = column.range
        return (values < low) | (values > high)
    if column.categories is None:
        return np.zeros(len(values), dtype=np.bool_)
    allowed = set(column.categories)
    return np.fromiter((v not in allowed for v in values.tolist()), np.bool_, len(values))


@dataclass
class RowFilter:
    """Takes chunks, keeps good rows as typed columns and bad ones as counted rejections.

    A row has the reason of its first bad column, in the order of the spec. A row that is there
    twice is no bad row.

    Attributes:
        columns: Of the spec; the ignored ones are neither checked nor kept.
        rejections: The bad rows in the order of the file, at most `keep` of them.
        counts: Column and reason to the number of bad rows, all of them.
    """

    columns: list[Column]
    keep: int = 100_000
    rejections: list[Rejection] = field(default_factory=list)
    counts: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    read: int = 0
    _parts: dict[str, list[Values]] = field(default_factory=dict)

    def add(self, chunk: Chunk) -> None:
        """Filter some rows."""
        found = {rejection.line: rejection for rejection in chunk.rejected}
        good = np.ones(len(chunk.lines), dtype=np.bool_)
        checked: dict[str, Values] = {}
        for column in self.columns:
            if column.role is Role.IGNORED:
                continue
            values, bad = check_column(column, chunk.cells[column.name])
            checked[column.name] = values
            for index, reason in bad.items():
                line = chunk.lines[index]
                found.setdefault(line, Rejection(line, column.name, reason))
                good[index] = False
        for name, values in checked.items():
            self._parts.setdefault(name, []).append(values.take(good))
        self.read += len(chunk.lines) + len(chunk.rejected)
        self.counts.update((r.column, r.reason) for r in found.values())
        room = max(0, self.keep - len(self.rejections))
        self.rejections.extend(found[line] for line in sorted(found)[:room])

    @property
    def rejected(self) -> int:
        """Number of bad rows."""
        return sum(self.counts.values())

    def good(self) -> Columns:
        """The good rows."""
        return {
            name: Values(
                parts[0].dtype,
                np.concatenate([part.values for part in parts]),
                np.concatenate([part.nulls for part in parts]),
            )
            for name, parts in self._parts.items()
        }
