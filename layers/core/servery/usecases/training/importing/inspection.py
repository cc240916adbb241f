"""The first step of an import: tell what the file is, unopened, and keep the rows of the sample."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.columns import Columns, DataSets, digest_columns
from servery.domain.guessed_columns import guess_columns
from servery.domain.imports import LARGEST_MODEL, LARGEST_SAMPLE, check_trusted, told
from servery.domain.signature import Dtype
from servery.domain.spec import Column, Role
from servery.errors import DataQualityError, InvalidInputError, InvalidSpecError, MalformedError
from servery.usecases.training import keys
from servery.usecases.training.collect import DatasetRecord
from servery.usecases.training.importing.files import model_key, sample_key, uploaded
from servery.usecases.training.importing.messages import ImportEvent, Inspected
from servery.usecases.training.messages import Collected
from servery.usecases.training.rows import RowFilter
from servery.usecases.training.split import digest_split

if TYPE_CHECKING:
    from servery.domain.table import Chunk, TableReader
    from servery.ports import ObjectStore

_FEWEST_ROWS = 2
_MOST_ROWS = 50_000
_MOST_COLUMNS = 2000
_TOLD = 5


def inspect(
    event: ImportEvent, *, store: ObjectStore, datasets: DataSets, reader: TableReader
) -> Inspected:
    """Tell the format by the first bytes, and make the sample a data set that is all held out.

    The model file is read for its digest alone.

    Raises:
        UnsupportedMediaError: the file is nothing that is imported, or a pickle that nobody has
            said to trust.
        RejectedError: the files are not those announced, or the sample does not hold together.
    """
    upload = event.upload
    model = uploaded(
        store, model_key(upload.model), upload.model, most=LARGEST_MODEL, what="the model file"
    )
    kind = told(model)
    check_trusted(kind, trusted=upload.trusted)
    sample = uploaded(
        store, sample_key(upload.sample), upload.sample, most=LARGEST_SAMPLE, what="the sample"
    )
    chunks = list(reader(sample, _as_text(sample)))
    columns = _columns(event, chunks)
    rows = _good(columns, chunks)
    collected = Collected(
        dataset=digest_columns(rows),
        source_uri=sample_key(upload.sample),
        source_digest=upload.sample,
        read=len(next(iter(rows.values())).values),
        rejected=0,
    )
    return Inspected(
        format=kind,
        columns=columns,
        labelled=any(column.role is Role.TARGET for column in columns),
        collect=collected,
        split=_keep(store, datasets, rows, collected),
        rows=collected.read,
    )


def _as_text(sample: bytes) -> list[Column]:
    """The columns of the header, as what every cell is at first."""
    try:
        text = io.StringIO(sample.decode("utf-8-sig"), newline="")
        header = next((row for row in csv.reader(text, strict=True) if row), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedError("the sample is no CSV file in UTF-8") from error
    if len(header) > _MOST_COLUMNS:
        raise InvalidInputError(f"the sample has more than {_MOST_COLUMNS} columns")
    return [Column(name=name, dtype=Dtype.STRING) for name in dict.fromkeys(header)]


def _columns(event: ImportEvent, chunks: list[Chunk]) -> list[Column]:
    """Those of the spec where it has some, else as the cells look."""
    if not chunks:
        raise InvalidInputError("the sample has no rows")
    table = {name: [c for chunk in chunks for c in chunk.cells[name]] for name in chunks[0].cells}
    rows = len(next(iter(table.values())))
    if not _FEWEST_ROWS <= rows <= _MOST_ROWS:
        raise InvalidInputError(
            f"the sample has {rows} rows; {_FEWEST_ROWS} to {_MOST_ROWS} are what is needed"
        )
    said = _said(event.spec)
    if not said:
        texts = {name: [str(cell) for cell in cells] for name, cells in table.items()}
        return guess_columns(texts, event.upload.wishes)
    known = [c for c in said if c.name in table or c.role is not Role.TARGET]
    declared = {column.name for column in known}
    if missing := sorted(declared ^ set(table)):
        raise InvalidInputError(
            f"the columns of the sample are not those of the spec: {', '.join(missing[:20])}"
        )
    return known


def _said(spec: dict[str, Any]) -> list[Column]:
    data = spec.get("data")
    columns = data.get("columns", []) if isinstance(data, dict) else []
    try:
        return msgspec.convert(columns, list[Column])
    except msgspec.ValidationError as error:
        raise InvalidSpecError(f"the spec is not valid: data.columns: {error}") from error


def _good(columns: list[Column], chunks: list[Chunk]) -> Columns:
    """The rows as typed columns. A sample is short and chosen: all of its rows have to be good."""
    rows = RowFilter([column for column in columns if column.role is not Role.IGNORED])
    for chunk in chunks:
        rows.add(chunk)
    if rows.rejected:
        bad = ", ".join(
            f"line {one.line}{f', {one.column}' if one.column else ''}: {one.reason}"
            for one in rows.rejections[:_TOLD]
        )
        raise DataQualityError(f"{rows.rejected} rows of the sample are bad ({bad})")
    return rows.good()


def _keep(store: ObjectStore, datasets: DataSets, rows: Columns, collected: Collected) -> str:
    """Store the rows as a data set whose split holds all of them out."""
    digest, held_out = collected.dataset, np.ones(collected.read, dtype=np.bool_)
    split = digest_split(digest, held_out)
    datasets.write(keys.dataset(digest, "data.npz"), rows)
    datasets.write(keys.split(digest, split, "test.npz"), rows)
    none = {name: values.take(~held_out) for name, values in rows.items()}
    datasets.write(keys.split(digest, split, "train.npz"), none)
    record = DatasetRecord(
        digest=digest,
        rows=collected.read,
        rejected=0,
        reasons={},
        columns={},
        source_uri=collected.source_uri,
        source_digest=collected.source_digest,
    )
    store.put(keys.dataset(digest, "dataset.json"), msgspec.json.encode(record))
    return split
