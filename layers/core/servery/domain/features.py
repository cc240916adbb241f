"""Typed columns as what a model takes: a float32 matrix, a text matrix, and the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.signature import Dtype, Field, Output, Signature, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.columns import Columns, Values
    from servery.domain.spec import Column, ModelSpec


@dataclass(frozen=True, slots=True)
class Features:
    """The inputs of some rows.

    Attributes:
        numeric: float32, shape (rows, numeric features) in the order of the spec, nan where
            null; None where there is no numeric feature.
        text: object (str), shape (rows, text features), empty where null; None likewise.
        target: int64, bool or object (str) for classification, float64 for regression.
    """

    numeric: NDArray[np.float32] | None
    text: NDArray[np.object_] | None
    target: NDArray[Any]

    @property
    def matrix(self) -> NDArray[np.float32]:
        """The numeric inputs, where all are."""
        if self.numeric is None or self.text is not None:
            raise TypeError("not all of these inputs are numeric")
        return self.numeric

    def take(self, rows: NDArray[Any]) -> Features:
        """The given rows (positions or a mask), in their order."""
        return Features(
            None if self.numeric is None else np.ascontiguousarray(self.numeric[rows]),
            None if self.text is None else self.text[rows],
            self.target[rows],
        )


def features(spec: ModelSpec, columns: Columns) -> Features:
    """Pack columns in the order of the spec, in the very form in which a server packs requests."""
    numeric, text = pack(spec.features, columns)
    target = columns[spec.data.target].values
    if spec.task is Task.REGRESSION:
        target = target.astype(np.float64)
    return Features(numeric, text, target)


def pack(
    inputs: list[Column], columns: Columns
) -> tuple[NDArray[np.float32] | None, NDArray[np.object_] | None]:
    """The inputs of some rows, numbers and text apart, each as in `Features`."""
    rows = len(columns[inputs[0].name].values)
    numeric = [column for column in inputs if column.dtype.numeric]
    text = [column for column in inputs if not column.dtype.numeric]
    matrix = np.empty((rows, len(numeric)), dtype=np.float32)
    for index, column in enumerate(numeric):
        values = columns[column.name]
        matrix[:, index] = values.values
        matrix[values.nulls, index] = np.nan
    words = np.empty((rows, len(text)), dtype=np.object_)
    for index, column in enumerate(text):
        words[:, index] = columns[column.name].values
    return matrix if numeric else None, words if text else None


def signature(
    spec: ModelSpec, train: Columns, classes: list[str | int | bool] | None, *, probabilities: bool
) -> Signature:
    """The interface of a model.

    Args:
        spec: What the user says about the columns.
        train: The training rows, for the examples.
        classes: In the order of the probabilities (classification).
        probabilities: Whether the model gives them.
    """
    target = spec.target
    return Signature(
        task=spec.task,
        inputs=[_field(column, train[column.name]) for column in spec.features],
        output=Output(
            name=target.name,
            dtype=target.dtype if classes is not None else Dtype.FLOAT,
            unit=target.unit or "1",
            classes=classes,
            probabilities=probabilities,
        ),
    )


def record(spec: ModelSpec, columns: Columns, row: int) -> dict[str, Any]:
    """One row in the form of the records API."""
    plain: dict[str, Any] = {}
    for column in spec.features:
        values = columns[column.name]
        plain[column.name] = None if values.nulls[row] else _plain(values.values[row])
    return plain


def _field(column: Column, values: Values) -> Field:
    low, high = column.range or (None, None)
    return Field(
        name=column.name,
        dtype=column.dtype,
        unit=column.unit or "1",
        minimum=low,
        maximum=high,
        categories=column.categories,
        nullable=column.nullable,
        description=column.description,
        example=_typical(values),
    )


def _typical(column: Values) -> Any:  # noqa: ANN401 - a value of the column
    """The median of numbers (a value that is there), the most frequent of the rest."""
    present = column.values[~column.nulls]
    if not len(present):
        return None
    if column.dtype in (Dtype.FLOAT, Dtype.INT):
        middle = (len(present) - 1) // 2
        return _plain(np.partition(present, middle)[middle])
    values, counts = np.unique(present, return_counts=True)
    return _plain(values[np.argmax(counts)])


def _plain(value: Any) -> Any:  # noqa: ANN401 - numpy's scalars to Python's
    return value.item() if isinstance(value, np.generic) else value
