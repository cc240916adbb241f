"""The Open Inference Protocol form: from named tensors to columns."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.datatypes import DATATYPES
from servery.edge.inference.refusal import MOST, check_rows, refuse
from servery.errors import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from servery.domain.bodies import Tensor
    from servery.domain.datatypes import Datatype
    from servery.domain.inputs import Column, Columns

PACKED = "input"
_MATRIX = 2
_SURELY_WHOLE = 2.0**63 - 2048


class _Part(msgspec.Struct):
    """A tensor whose envelope is right: its columns and its elements, row-major."""

    field: str
    columns: tuple[Column, ...]
    datatype: Datatype
    values: list[Any]
    packed: bool


class Table(msgspec.Struct, frozen=True):
    """What tensors say: columns, as the records form gives them, and the strings in the data."""

    rows: int
    numbers: NDArray[np.float64] | None
    texts: NDArray[np.object_] | None
    strings: int


class TensorReader:
    """Reads tensors of one signature: one per column by name, or one packed `input`."""

    def __init__(self, columns: Columns, max_rows: int) -> None:
        self._columns = columns
        self._max_rows = max_rows
        self.packable = not columns.text and PACKED not in columns.by_name

    def read(self, tensors: list[Tensor], *, doubtful: bool = False) -> Table:
        """Turn tensors into columns whose every value is allowed.

        Args:
            tensors: As they came.
            doubtful: Look at every value by itself, since nan may be among them.

        Raises:
            InvalidInputError: with what is wrong, by field.
            TooLargeError: more rows than the limit.
        """
        if not tensors:
            refuse([Violation("inputs", "is empty")])
        found: list[Violation] = []
        pairs = list(self._match(tensors, found))
        if found:
            refuse(found)
        rows = self._rows(tensors)
        parts = [p for p in (_part(*pair, rows, found) for pair in pairs) if p is not None]
        if found:
            refuse(found)
        return self._table(parts, rows, doubtful=doubtful)

    def _match(
        self, tensors: list[Tensor], found: list[Violation]
    ) -> Iterator[tuple[str, Tensor, tuple[Column, ...]]]:
        if self.packable and [t.name for t in tensors] == [PACKED]:
            yield "inputs[0]", tensors[0], self._columns.all
            return
        seen: set[str] = set()
        for index, tensor in enumerate(tensors):
            column = self._columns.by_name.get(tensor.name)
            field = f"inputs[{index}]"
            if column is None:
                found.append(Violation(field + ".name", "names no input of this model"))
            elif tensor.name in seen:
                found.append(Violation(field + ".name", f"{tensor.name} is there twice"))
            else:
                seen.add(tensor.name)
                yield field, tensor, (column,)
        missing = [name for name in self._columns.by_name if name not in seen]
        found.extend(Violation("inputs", f"the tensor {name} is missing") for name in missing)

    def _rows(self, tensors: list[Tensor]) -> int:
        shape = tensors[0].shape
        if not shape or shape[0] < 0:
            refuse([Violation("inputs[0].shape", "does not begin with the number of rows")])
        if shape[0] == 0:
            refuse([Violation("inputs[0].shape", "there are no rows")])
        check_rows(shape[0], self._max_rows)
        return shape[0]

    def _table(self, parts: list[_Part], rows: int, *, doubtful: bool) -> Table:
        numbers = texts = None
        sure = not doubtful and all(map(_kinds_fit, parts))
        if sure:
            texts = self._texts(parts, rows)
            try:
                numbers = self._numbers(parts, rows)
            except OverflowError:
                sure = False
        if not (
            sure
            and (numbers is None or self._numbers_fit(parts, numbers))
            and (texts is None or self._columns.texts_fit(texts))
        ):
            found = list(_complaints(parts))
            if found:
                refuse(found)
            texts, numbers = self._texts(parts, rows), self._numbers(parts, rows)
        strings = sum(len(p.values) - p.values.count(None) for p in parts if _is_text(p))
        return Table(rows, numbers, texts, strings)

    def _numbers(self, parts: list[_Part], rows: int) -> NDArray[np.float64] | None:
        """Shape (rows, numeric inputs); `_ordered` says which tensor is which column."""
        width = len(self._columns.numeric)
        if not width:
            return None
        ordered = self._ordered(parts)
        if len(ordered) < width:
            return np.array(ordered[0].values, np.float64).reshape(rows, width)
        flat = chain.from_iterable(part.values for part in ordered)
        return np.fromiter(flat, np.float64, rows * width).reshape(width, rows).T

    def _numbers_fit(self, parts: list[_Part], matrix: NDArray[np.float64]) -> bool:
        """Whether every number certainly fits its datatype and its column."""
        kinds = [part.datatype for part in self._ordered(parts)]
        lows = np.array([kind.low for kind in kinds], np.float64)
        highs = np.array([kind.high for kind in kinds], np.float64)
        if ((matrix < lows) | (matrix > highs)).any():
            return False
        if any(kind.whole for kind in kinds):
            fraction = (matrix != np.floor(matrix)) & ~np.isnan(matrix)
            beyond = np.abs(matrix) >= _SURELY_WHOLE
            if ((fraction | beyond) & np.array([kind.whole for kind in kinds])).any():
                return False
        return self._columns.numbers_fit(matrix)

    def _ordered(self, parts: list[_Part]) -> list[_Part]:
        """The tensors of numbers in the order of their columns, or the packed one alone."""
        if parts[0].columns == self._columns.all:
            return parts
        by_name = {part.columns[0].name: part for part in parts}
        return [by_name[column.name] for column in self._columns.numeric]

    def _texts(self, parts: list[_Part], rows: int) -> NDArray[np.object_] | None:
        if not self._columns.text:
            return None
        by_name = {part.columns[0].name: part.values for part in parts}
        matrix = np.empty((rows, len(self._columns.text)), object)
        for index, column in enumerate(self._columns.text):
            matrix[:, index] = by_name[column.name]
        return matrix


def _part(
    field: str, tensor: Tensor, columns: tuple[Column, ...], rows: int, found: list[Violation]
) -> _Part | None:
    """A tensor with its datatype, shape and number of elements checked; else say what is wrong."""
    datatype = DATATYPES.get(tensor.datatype)
    if datatype is None:
        found.append(Violation(field + ".datatype", f"is none of {', '.join(DATATYPES)}"))
        return None
    packed = tensor.name != columns[0].name and datatype.numeric
    if not packed and not all(datatype.accepts(c.field.dtype) for c in columns):
        found.append(Violation(field + ".datatype", "cannot carry the dtype of this input"))
        return None
    width = len(columns)
    if tensor.shape not in ([rows, width], [rows] if width == 1 else None):
        wanted = f"[n, {width}]" if width > 1 else "[n] or [n, 1]"
        message = f"is not {wanted} with the same n in every tensor"
        found.append(Violation(field + ".shape", message))
        return None
    values = _flatten(tensor.data, tensor.shape)
    if values is None:
        found.append(Violation(field + ".data", "does not have the elements that the shape says"))
        return None
    return _Part(field, columns, datatype, values, packed)


def _flatten(data: list[Any], shape: list[int]) -> list[Any] | None:
    """Row-major elements of flat or nested data; None where it does not have the shape."""
    if data and type(data[0]) is list:
        width = shape[-1]
        nested = len(shape) == _MATRIX and len(data) == shape[0]
        if not (nested and all(type(row) is list and len(row) == width for row in data)):
            return None
        return list(chain.from_iterable(data))
    size = shape[0] * (shape[1] if len(shape) == _MATRIX else 1)
    return data if len(data) == size else None


def _kinds_fit(part: _Part) -> bool:
    kinds = set(map(type, part.values))
    if type(None) in kinds and all(c.field.nullable for c in part.columns):
        kinds.discard(type(None))
    return kinds <= part.datatype.kinds


def _is_text(part: _Part) -> bool:
    return part.datatype.name == "BYTES"


def _complaints(parts: list[_Part]) -> Iterator[Violation]:
    left = MOST
    for part in parts:
        width = len(part.columns)
        for index, value in enumerate(part.values):
            column = part.columns[index % width]
            message = part.datatype.complaint(value) or column.complaint(value, packed=part.packed)
            if message is not None:
                yield Violation(f"{part.field}.data[{index}]", f"{column.name} {message}")
                left -= 1
                if not left:
                    return
