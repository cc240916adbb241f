"""`baseline.json`: what the training rows look like, for whoever compares later rows with them."""

from __future__ import annotations

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class NumericBaseline(_Part, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """A column of numbers; `count` is without nulls, and the figures are None where it is 0.

    Attributes:
        count: Rows with a value.
        nulls: Share of the rows without one.
        mean: Arithmetic mean.
        std: Standard deviation (of the rows as a population).
        minimum: Smallest value.
        maximum: Largest value.
        quantiles: The 0 %, 1 %, ... 100 % quantiles (101 values), an empirical distribution.
        edges: Cuts of the histogram: just below the smallest value, then the deciles without
            doubles up to the largest. Bin i holds `edges[i-1] < x <= edges[i]`, so a column of
            few distinct values has a bin for each; the first and last bin are open and empty.
        counts: Training rows in each bin, one more than there are edges.
    """

    count: int
    nulls: float
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    quantiles: list[float] = []
    edges: list[float] = []
    counts: list[int] = []


class CategoricalBaseline(_Part, frozen=True, kw_only=True, tag_field="kind", tag="categorical"):
    """A column of categories (text, bool, or whole numbers with declared categories).

    Attributes:
        count: Rows with a value.
        nulls: Share of the rows without one.
        frequencies: Category (as text) to its rows; the most frequent ones.
        distinct: Number of categories.
        other: Rows with a category that `frequencies` leaves out.
    """

    count: int
    nulls: float
    frequencies: dict[str, int]
    distinct: int
    other: int = 0


class Baseline(_Part, frozen=True, kw_only=True):
    """What later rows and predictions are compared with.

    Attributes:
        rows: Training rows.
        numeric: Feature to its statistics.
        categorical: Feature to its statistics.
        target: The target in the training rows.
        predictions: What the model answered on the held-out rows, in the same form.
    """

    rows: int
    numeric: dict[str, NumericBaseline]
    categorical: dict[str, CategoricalBaseline]
    target: NumericBaseline | CategoricalBaseline
    predictions: NumericBaseline | CategoricalBaseline | None = None
