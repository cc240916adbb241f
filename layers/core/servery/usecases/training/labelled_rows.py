"""Rows that were predicted, and labelled since, as rows to train on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.columns import Columns, Values
from servery.domain.lake import LABELS, PREDICTIONS, readable
from servery.domain.personal import INPUT, is_masked
from servery.domain.spec import Column, ModelSpec, Role
from servery.domain.table import Chunk
from servery.usecases.training.rows import RowFilter

if TYPE_CHECKING:
    from servery.ports import LakeTables

MOST = 100_000
"""Labels, and so rows, that are held; those of the newest days are read first."""
_OK = 200


class _Label(msgspec.Struct, frozen=True):
    request_id: str
    time: str
    label: Any
    row: int = 0


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    data: list[Any]


class _Input(msgspec.Struct, frozen=True):
    """A request in either form."""

    records: list[dict[str, Any]] | None = None
    inputs: list[_Tensor] | None = None


class _Asked(msgspec.Struct, frozen=True):
    request_id: str
    status: int
    input: _Input | None = None
    hashed: list[str] = []
    omitted: list[str] = []

    @property
    def whole(self) -> bool:
        """Whether the log has what was asked as it was."""
        return self.input is not None and not is_masked(INPUT, [*self.hashed, *self.omitted])


def add_labelled(good: Columns, spec: ModelSpec, lake: LakeTables, now: datetime) -> Columns:
    """The rows with those beside them that the lake knows the truth of, each row once.

    A row that is not as the spec wants it is passed over, and so is one that is there already: the
    same row among those that are trained on and those that are held out would flatter the model.
    Nothing is added where a column is personal: the log has no such rows as they were.

    Args:
        good: The rows of the raw data.
        spec: What is trained.
        lake: Predictions and labels.
        now: The time, from which days are counted back.
    """
    columns = [column for column in spec.data.columns if column.role is not Role.IGNORED]
    if any(column.personal for column in columns):
        return good
    today = now.date()
    days = [
        (today - timedelta(days=back)).isoformat() for back in range(spec.retrain.labelled_days)
    ]
    labels = _labels(spec.name, days, lake)
    rows = list(_rows(spec, columns, days, labels, lake))
    if not rows:
        return good
    taken = RowFilter(columns, keep=0)
    cells: dict[str, list[object]] = {c.name: [row.get(c.name) for row in rows] for c in columns}
    taken.add(Chunk(list(range(len(rows))), cells, []))
    return _together(good, taken.good())


def _labels(model: str, days: list[str], lake: LakeTables) -> dict[tuple[str, int], Any]:
    """By request and row; of several for one row the one that was told last."""
    found: dict[tuple[str, int], _Label] = {}
    for line in readable(lake.days(LABELS, model, days), _Label):
        place = (line.request_id, line.row)
        if place in found:
            if found[place].time <= line.time:
                found[place] = line
        elif len(found) < MOST:
            found[place] = line
    return {place: line.label for place, line in found.items()}


def _rows(
    spec: ModelSpec,
    columns: list[Column],
    days: list[str],
    labels: dict[tuple[str, int], Any],
    lake: LakeTables,
) -> Iterator[dict[str, Any]]:
    """The labelled rows, by column, in the order of their requests' ids."""
    wanted = {request for request, _ in labels}
    asked: dict[str, _Input | None] = {}
    for line in readable(lake.days(PREDICTIONS, spec.name, days), _Asked):
        if line.status == _OK and line.whole and line.request_id in wanted:
            asked[line.request_id] = line.input
    features = {column.name for column in columns if column.role is Role.FEATURE}
    target = spec.data.target
    for request, row in sorted(labels):
        record = _record(asked.get(request), row)
        if record is not None and record.keys() <= features:
            yield {**record, target: labels[request, row]}


def _record(asked: _Input | None, row: int) -> dict[str, Any] | None:
    if asked is None:
        return None
    if asked.records is not None:
        return asked.records[row] if row < len(asked.records) else None
    tensors = asked.inputs or []
    if not tensors or len({len(tensor.data) for tensor in tensors}) > 1:
        return None  # a tensor of several columns
    return {t.name: t.data[row] for t in tensors} if row < len(tensors[0].data) else None


def _together(good: Columns, more: Columns) -> Columns:
    """Both, without the rows of the second that are in the first, or twice in themselves."""
    seen, new = set(_tuples(good)), []
    for place, row in enumerate(_tuples(more)):
        if row not in seen:
            seen.add(row)
            new.append(place)
    added = np.array(new, dtype=np.int64)
    return {
        name: Values(
            values.dtype,
            np.concatenate([values.values, more[name].values[added]]),
            np.concatenate([values.nulls, more[name].nulls[added]]),
        )
        for name, values in good.items()
    }


def _tuples(columns: Columns) -> Iterator[tuple[Any, ...]]:
    """The rows; a null is None."""
    cells = [
        [None if null else value for value, null in zip(v.values.tolist(), v.nulls, strict=True)]
        for _, v in sorted(columns.items())
    ]
    return zip(*cells, strict=True)
