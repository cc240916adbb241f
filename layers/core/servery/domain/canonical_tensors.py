"""The tensors of a request as values by input, where that leaves no doubt."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from servery.domain.datatypes import DATATYPES
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.bodies import Tensor
    from servery.domain.canonical_inputs import Input
    from servery.domain.datatypes import Datatype

PACKED = "input"
_MATRIX = 2


def read_tensors(inputs: Sequence[Input], tensors: list[Tensor]) -> list[list[Any]] | None:
    """The values of each input, in the order of `inputs`; None where anything is doubtful.

    Every tensor has the datatype, the shape and the elements that a model server takes; whether
    the inputs accept the values is for them to say.

    Args:
        inputs: What the model takes, numbers first.
        tensors: As they came: one for each input by name, or one packed `input` of numbers.
    """
    if not tensors or not tensors[0].shape:
        return None
    rows = tensors[0].shape[0]
    if rows < 1:
        return None
    if [tensor.name for tensor in tensors] == [PACKED] and _packable(inputs):
        return _unpacked(inputs, tensors[0], rows)
    by_name = {tensor.name: tensor for tensor in tensors}
    if len(by_name) < len(tensors) or by_name.keys() != {i.name for i in inputs}:
        return None
    columns = []
    for of in inputs:
        column = _column(of, by_name[of.name], rows)
        if column is None:
            return None
        columns.append(column)
    return columns


def _packable(inputs: Sequence[Input]) -> bool:
    return all(i.field.dtype.numeric and i.name != PACKED for i in inputs)


def _unpacked(inputs: Sequence[Input], tensor: Tensor, rows: int) -> list[list[Any]] | None:
    """The columns of a packed tensor, row by row in the order of the signature."""
    datatype, width = DATATYPES.get(tensor.datatype), len(inputs)
    if datatype is None or not datatype.numeric:
        return None
    values = _elements(tensor, rows, width)
    if values is None or not _fit(datatype, values):
        return None
    columns = [values[index::width] for index in range(width)]
    for index, of in enumerate(inputs):
        if of.field.dtype is Dtype.BOOL:
            if not set(columns[index]) <= {0, 1, None}:
                return None
            columns[index] = [None if value is None else bool(value) for value in columns[index]]
    return columns


def _column(of: Input, tensor: Tensor, rows: int) -> list[Any] | None:
    datatype = DATATYPES.get(tensor.datatype)
    if datatype is None or not datatype.accepts(of.field.dtype):
        return None
    values = _elements(tensor, rows, 1)
    return None if values is None or not _fit(datatype, values) else values


def _elements(tensor: Tensor, rows: int, width: int) -> list[Any] | None:
    """Row-major elements of flat or nested data; None where it does not have the shape."""
    if tensor.shape != [rows, width] and not (width == 1 and tensor.shape == [rows]):
        return None
    data = tensor.data
    if data and type(data[0]) is list:
        nested = len(tensor.shape) == _MATRIX and len(data) == rows
        if not (nested and all(type(row) is list and len(row) == width for row in data)):
            return None
        return list(chain.from_iterable(data))
    return data if len(data) == rows * width else None


def _fit(datatype: Datatype, values: list[Any]) -> bool:
    """Whether a tensor of that datatype can have these elements; null is for the input to say."""
    present = [value for value in values if value is not None] if None in values else values
    if not set(map(type, present)) <= datatype.kinds:
        return False
    if not (datatype.numeric and present):
        return True
    if not (datatype.low <= min(present) and max(present) <= datatype.high):
        return False
    return not datatype.whole or all(value == value // 1 for value in present)
