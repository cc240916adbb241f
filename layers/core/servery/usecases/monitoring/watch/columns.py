"""Columns of a window beside those of the training, counted in cells; none of the rows is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.baseline import CategoricalBaseline, NumericBaseline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

OTHER = "other"
_MOST_FLUSHED = 8192


class NumberColumn:
    """A column of numbers.

    Its cells are between the quantiles of the baseline. They are compared as 32-bit floats, which
    is how models see them: else 5.1 out of a file and 5.1 out of a request may be on two sides of
    a cut.

    Args:
        baseline: The column in the training; with at least one value.
        windows: How many windows there are.

    Attributes:
        baseline: The same.
        cuts: Ends of the cells, each inclusive; one more cell is beyond the last.
        exact: Cuts at which the histogram of the baseline says how many rows are below.
        below: How many, at each of those.
        low: Share of the training rows up to each cut, at the least.
        high: At the most.
        counts: Requests by window and cell; each window without what is in shorter ones.
        nulls: Requests without a value, by window.
        sums: Sum of the values, by window.
    """

    def __init__(self, baseline: NumericBaseline, windows: int) -> None:
        self.baseline = baseline
        edges, quantiles = _floats32(baseline.edges), _floats32(baseline.quantiles)
        edges[0] = np.nextafter(quantiles[0], np.float32(-np.inf))  # it was, as 64-bit floats
        self.cuts = np.unique(np.concatenate([edges, quantiles]))
        every = baseline.count
        percent = np.searchsorted(quantiles, self.cuts, side="right") - 1
        self.low = np.clip(percent * (every - 1) / (100 * every), 0, 1)
        self.high = np.clip(((percent + 1) * (every - 1) / 100 + 1) / every, 0, 1)
        self.exact = np.searchsorted(self.cuts, np.unique(edges))
        last = np.searchsorted(edges, np.unique(edges), side="right") - 1
        self.below = np.cumsum(baseline.counts)[last].astype(np.float64)
        self.low[self.exact] = self.high[self.exact] = self.below / every
        self.counts: Floats = np.zeros((windows, len(self.cuts) + 1))
        self.nulls: Floats = np.zeros(windows)
        self.sums: Floats = np.zeros(windows)

    def count(self, values: Sequence[Any], places: Places, weights: Floats) -> None:
        """Count values: None, bools or numbers."""
        found = np.array(values, dtype=np.float64)
        null = np.isnan(found)
        windows, width = self.counts.shape
        self.nulls += np.bincount(places[null], weights[null], windows)
        found, places, weights = found[~null], places[~null], weights[~null]
        cells = np.searchsorted(self.cuts, found.astype(np.float32), side="left")
        flat = np.bincount(places * width + cells, weights, windows * width)
        self.counts += flat.reshape(windows, width)
        self.sums += np.bincount(places, weights * found, windows)

    def distances(self) -> Floats:
        """The Kolmogorov-Smirnov distance of each window; at the cuts, so not more than it is."""
        cumulated = np.cumsum(np.cumsum(self.counts, axis=0), axis=1)
        totals = np.maximum(cumulated[:, -1:], np.finfo(np.float64).tiny)
        reached = cumulated[:, :-1] / totals
        found = np.maximum(reached - self.high, self.low - reached).max(axis=1, initial=0.0)
        return np.where(cumulated[:, -1] > 0, np.maximum(found, 0.0), 0.0)

    def histograms(self) -> tuple[list[str], Floats, Floats]:
        """Labels of the cells of the baseline's histogram, its members, and those by window."""
        cumulated = np.cumsum(np.cumsum(self.counts, axis=0), axis=1)
        at = np.concatenate([cumulated[:, self.exact], cumulated[:, -1:]], axis=1)
        members = np.diff(at, axis=1, prepend=0.0)
        baseline = np.diff(np.append(self.below, self.baseline.count), prepend=0.0)
        ends = [f"{cut:.6g}" for cut in self.cuts[self.exact].tolist()]
        between = [f"({one}, {two}]" for one, two in pairwise(ends)]
        return [f"<= {ends[0]}", *between, f"> {ends[-1]}"], baseline, members


class CategoryColumn:
    """A column of categories; those that the baseline has not, or leaves out, count as one.

    Args:
        baseline: The column in the training.
        windows: How many windows there are.

    Attributes:
        baseline: The same.
        names: The categories, as text; the last one is for all others.
        counts: Requests by window and category; each window without what is in shorter ones.
        nulls: Requests without a value, by window.
    """

    def __init__(self, baseline: CategoricalBaseline, windows: int) -> None:
        self.baseline = baseline
        self.names = [*baseline.frequencies, OTHER]
        self._place = {name: place for place, name in enumerate(baseline.frequencies)}
        self.counts: Floats = np.zeros((windows, len(self.names)))
        self.nulls: Floats = np.zeros(windows)

    def count(self, values: Sequence[Any], places: Places, weights: Floats) -> None:
        """Count values: None, text, bools or numbers."""
        windows, width = self.counts.shape
        other = width - 1
        find = self._place.get
        found = np.array(
            [-1 if value is None else find(as_text(value), other) for value in values],
            dtype=np.intp,
        )
        null = found < 0
        self.nulls += np.bincount(places[null], weights[null], windows)
        flat = np.bincount(places[~null] * width + found[~null], weights[~null], windows * width)
        self.counts += flat.reshape(windows, width)

    def histograms(self) -> tuple[list[str], Floats, Floats]:
        """The categories, their training rows, and their requests by window."""
        baseline = np.array([*self.baseline.frequencies.values(), self.baseline.other], np.float64)
        return self.names, baseline, np.cumsum(self.counts, axis=0)


Column = NumberColumn | CategoryColumn


class Table:
    """Columns that are filled request by request; each request weighs one, however many rows.

    Rows of one request are alike, and a thousand of them are no thousand witnesses.

    Args:
        columns: By name.
    """

    def __init__(self, columns: dict[str, Column]) -> None:
        self.columns = columns
        self._values: dict[str, list[Any]] = {name: [] for name in columns}
        self._places: list[int] = []
        self._weights: list[float] = []

    def add(self, place: int, rows: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Count a request in a window; every column of it has `rows` values."""
        for name, values in self._values.items():
            values.extend(columns[name])
        self._places += [place] * rows
        self._weights += [1 / rows] * rows
        if len(self._places) >= _MOST_FLUSHED:
            self.flush()

    def drop(self, name: str) -> None:
        """Count a column no more, and forget what was counted of it."""
        self.columns.pop(name, None)
        self._values.pop(name, None)

    def flush(self) -> None:
        """Count what has been added, so that the columns are whole."""
        places, weights = np.array(self._places, np.intp), np.array(self._weights, np.float64)
        for name, values in self._values.items():
            self.columns[name].count(values, places, weights)
            values.clear()
        self._places.clear()
        self._weights.clear()


def column_of(baseline: NumericBaseline | CategoricalBaseline, windows: int) -> Column | None:
    """Where a column is counted; None where the training had no value of it."""
    if not baseline.count:
        return None
    if isinstance(baseline, NumericBaseline):
        return NumberColumn(baseline, windows)
    return CategoryColumn(baseline, windows)


def as_text(value: object) -> str:
    """A category as the baseline has it: true and false for a bool, 5 for 5.0."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _floats32(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float64).astype(np.float32)
