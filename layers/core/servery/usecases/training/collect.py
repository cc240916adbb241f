"""Collect: read the raw data, drop and count bad rows, store the good ones by their content."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.columns import Columns, DataSets, digest_columns
from servery.domain.digest import digest_bytes
from servery.domain.imports import check_trainable
from servery.domain.spec import ModelSpec, Role
from servery.domain.spec_rules import read_spec
from servery.errors import ArtifactError, DataQualityError, InvalidInputError, InvalidSpecError
from servery.usecases.training import keys
from servery.usecases.training.labelled_rows import add_labelled
from servery.usecases.training.messages import Collected, CollectEvent
from servery.usecases.training.rows import RowFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.table import TableReader
    from servery.ports import Clock, LakeTables, ObjectStore


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`dataset.json`: from what a data set was made, and what was left out.

    Attributes:
        digest: SHA-256 of the good rows, columns by name.
        rows: Good rows of the raw data.
        labelled: Rows beside them that were predicted, and labelled since.
        rejected: Bad rows.
        reasons: Reason to the number of bad rows.
        columns: Column to reason to the number of bad rows; the empty name is the row as a whole.
        source_uri: Where the raw data was when it was last collected.
        source_digest: SHA-256 of the raw bytes.
    """

    digest: str
    rows: int
    rejected: int
    reasons: dict[str, int]
    columns: dict[str, dict[str, int]]
    source_uri: str
    source_digest: str
    labelled: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """Where rows come from that were predicted, and labelled since."""

    lake: LakeTables
    clock: Clock


def collect(
    event: CollectEvent,
    *,
    store: ObjectStore,
    datasets: DataSets,
    reader: Callable[[str], TableReader],
    labelled: Callable[[], Labelled] | None = None,
) -> Collected:
    """Store the good rows of the raw data as typed columns under the digest of their content.

    The same rows have the same digest whatever file format they came in.

    Args:
        event: The spec, unchecked.
        store: The artifacts bucket; it also fetches the raw data.
        datasets: Writes typed columns.
        reader: Gives the reader of a format.
        labelled: Gives where labelled rows come from, for specs that want them trained on.

    Raises:
        InvalidSpecError: the spec does not hold together.
        RejectedError: the data is not there, not of its format, or not of the spec's columns.
        DataQualityError: no row is good, or more than `max_rejected` of them are bad.
    """
    spec = _read_spec(event)
    check_trainable(spec)
    raw = store.fetch(spec.data.uri)
    rows = RowFilter([c for c in spec.data.columns if c.role is not Role.IGNORED])
    for chunk in reader(spec.data.format)(raw, spec.data.columns):
        rows.add(chunk)
    if rows.read == 0:
        raise InvalidInputError("the data has a header and no rows")
    good = rows.good()
    if spec.retrain.add_labelled and labelled is not None:
        source = labelled()
        good = add_labelled(good, spec, source.lake, source.clock.now())
    record = _record(rows, good, spec, digest_bytes(raw))
    store.put(keys.dataset(record.digest, "rejects.csv"), _rejects(rows))
    _check_quality(record, spec)
    datasets.write(keys.dataset(record.digest, "data.npz"), good)
    store.put(keys.dataset(record.digest, "dataset.json"), msgspec.json.encode(record))
    return Collected(
        dataset=record.digest,
        source_uri=spec.data.uri,
        source_digest=record.source_digest,
        read=rows.read,
        rejected=rows.rejected,
    )


def describes(result: Collected, event: CollectEvent, *, store: ObjectStore) -> bool:
    """Whether what lies beside a data set, its bad rows above all, is of a result's raw data.

    Other raw data with the same good rows have taken its place otherwise. Where an output is kept
    on purpose, whatever the data have become, that does not matter.
    """
    if event.only is not None or event.keep:
        return True
    try:
        raw = store.get(keys.dataset(result.dataset, "dataset.json"))
        return msgspec.json.decode(raw, type=DatasetRecord).source_digest == result.source_digest
    except (ArtifactError, msgspec.MsgspecError):
        return False


def _read_spec(event: CollectEvent) -> ModelSpec:
    try:
        return read_spec(event.spec)
    except InvalidSpecError as error:
        told = "; ".join(f"{v.field}: {v.message}" for v in error.violations)
        raise InvalidSpecError(f"the spec is not valid: {told}", error.violations) from error


def _record(rows: RowFilter, good: Columns, spec: ModelSpec, source: str) -> DatasetRecord:
    reasons: dict[str, int] = {}
    columns: dict[str, dict[str, int]] = {}
    for (column, reason), count in sorted(rows.counts.items()):
        reasons[reason.value] = reasons.get(reason.value, 0) + count
        columns.setdefault(column, {})[reason.value] = count
    count = rows.read - rows.rejected
    return DatasetRecord(
        digest=digest_columns(good),
        rows=count,
        labelled=len(next(iter(good.values())).values) - count,
        rejected=rows.rejected,
        reasons=reasons,
        columns=columns,
        source_uri=spec.data.uri,
        source_digest=source,
    )


def _rejects(rows: RowFilter) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("line", "column", "reason"))
    writer.writerows((r.line, r.column, r.reason.value) for r in rows.rejections)
    return text.getvalue().encode()


def _check_quality(record: DatasetRecord, spec: ModelSpec) -> None:
    read = record.rows + record.rejected
    if record.rows and record.rejected <= spec.data.max_rejected * read:
        return
    told = ", ".join(
        f"{reason} {'in ' + column if column else 'as a whole'}: {count}"
        for column, reasons in record.columns.items()
        for reason, count in reasons.items()
    )
    raise DataQualityError(
        f"{record.rejected} of {read} rows are bad, more than the {spec.data.max_rejected:.0%} "
        f"that the spec allows ({told}); lines in {keys.dataset(record.digest, 'rejects.csv')}"
    )
