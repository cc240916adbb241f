"""The statistics of a column that drift is measured against."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.baseline import Baseline, CategoricalBaseline, NumericBaseline
from servery.domain.columns import Columns, Values
from servery.domain.signature import Dtype, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.spec import Column, ModelSpec

_PERCENT = np.arange(101) / 100
_DECILES = np.arange(1, 11) / 10
_MOST_CATEGORIES = 1000


def baseline(spec: ModelSpec, train: Columns) -> Baseline:
    """Describe the training rows: every feature, and the target."""
    numeric: dict[str, NumericBaseline] = {}
    categorical: dict[str, CategoricalBaseline] = {}
    for column in spec.features:
        if _has_categories(column):
            categorical[column.name] = describe_categories(train[column.name])
        else:
            numeric[column.name] = describe_numbers(train[column.name])
    target = train[spec.data.target]
    describe = describe_numbers if spec.task is Task.REGRESSION else describe_categories
    return Baseline(
        rows=len(target.values),
        numeric=numeric,
        categorical=categorical,
        target=describe(target),
    )


def describe_features(names: list[str], matrix: NDArray[Any]) -> dict[str, NumericBaseline]:
    """Describe the columns of a matrix of numbers without nulls."""
    return {
        name: describe_numbers(_plain(Task.REGRESSION, column))
        for name, column in zip(names, matrix.T, strict=True)
    }


def describe_numbers(column: Values) -> NumericBaseline:
    """Moments, quantiles and histogram of a column of numbers."""
    present = column.values[~column.nulls].astype(np.float64)
    nulls = float(column.nulls.mean()) if len(column.nulls) else 0.0
    if not len(present):
        return NumericBaseline(count=0, nulls=nulls)
    edges = np.unique(
        [np.nextafter(present.min(), -np.inf), *np.quantile(present, _DECILES), present.max()]
    )
    bins = np.searchsorted(edges, present, side="left")
    return NumericBaseline(
        count=len(present),
        nulls=nulls,
        mean=float(present.mean()),
        std=float(present.std()),
        minimum=float(present.min()),
        maximum=float(present.max()),
        quantiles=np.quantile(present, _PERCENT).tolist(),
        edges=edges.tolist(),
        counts=np.bincount(bins, minlength=len(edges) + 1).tolist(),
    )


def describe_categories(column: Values) -> CategoricalBaseline:
    """Frequencies of a column of categories, the most frequent first."""
    present = column.values[~column.nulls].tolist()
    counted = Counter(_as_text(value) for value in present)
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    kept = dict(ordered[:_MOST_CATEGORIES])
    return CategoricalBaseline(
        count=len(present),
        nulls=float(column.nulls.mean()) if len(column.nulls) else 0.0,
        frequencies=kept,
        distinct=len(counted),
        other=len(present) - sum(kept.values()),
    )


def describe_predictions(task: Task, predicted: NDArray[Any]) -> Any:  # noqa: ANN401 - see Returns
    """Statistics of what a model answered.

    Returns:
        `NumericBaseline` for regression, `CategoricalBaseline` for classification.
    """
    values = _plain(task, predicted)
    return (describe_numbers if task is Task.REGRESSION else describe_categories)(values)


def _plain(task: Task, predicted: NDArray[Any]) -> Values:
    dtype = Dtype.FLOAT if task is Task.REGRESSION else Dtype.STRING
    return Values(dtype, predicted, np.zeros(len(predicted), dtype=np.bool_))


def _has_categories(column: Column) -> bool:
    return column.dtype in (Dtype.STRING, Dtype.BOOL) or column.categories is not None


def _as_text(value: object) -> str:
    """As JSON would say it: true and false for a bool."""
    return str(value).lower() if isinstance(value, bool) else str(value)
