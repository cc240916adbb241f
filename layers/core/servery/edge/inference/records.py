"""The `records` form: from typed structs to columns."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from servery.domain.inputs import Columns


class RecordReader:
    """Reads records of one signature.

    Args:
        columns: Its inputs; the structs hold the numeric ones first.
    """

    def __init__(self, columns: Columns) -> None:
        numeric, text = len(columns.numeric), len(columns.text)
        self._columns = columns
        self._numeric = _row_getter(0, numeric, whole=text == 0)
        self._text = _row_getter(numeric, numeric + text, whole=numeric == 0)

    def numbers(self, records: list[Any]) -> NDArray[np.float64] | None:
        """The numeric inputs, shape (rows, numeric inputs), nan where null; None without any.

        Raises:
            OverflowError: a whole number is beyond what a float can say.
        """
        width = len(self._columns.numeric)
        if not width:
            return None
        values = chain.from_iterable(map(self._numeric, records))
        flat = np.fromiter(values, np.float64, len(records) * width)
        return flat.reshape(len(records), width)

    def texts(self, records: list[Any]) -> NDArray[np.object_] | None:
        """The text inputs, shape (rows, text inputs), None where null; None without any."""
        width = len(self._columns.text)
        if not width:
            return None
        values = list(chain.from_iterable(map(self._text, records)))
        return np.array(values, dtype=object).reshape(len(records), width)


def _row_getter(start: int, stop: int, *, whole: bool) -> Callable[[Any], Iterable[Any]]:
    if whole or start == stop:
        return msgspec.structs.astuple
    if stop - start == 1:
        only = attrgetter(f"f{start}")
        return lambda row: (only(row),)
    getter: Callable[[Any], Iterable[Any]] = attrgetter(*(f"f{i}" for i in range(start, stop)))
    return getter
