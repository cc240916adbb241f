"""Predicted text as a Parquet file; the same rows are the same bytes."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from servery.domain.packing import Packing
from servery.domain.signature import Dtype
from servery.errors import ArtifactError

_TYPES = {
    Dtype.FLOAT: pa.float64(),
    Dtype.INT: pa.int64(),
    Dtype.BOOL: pa.bool_(),
    Dtype.STRING: pa.string(),
}


def pack_part(predicted: bytes, packing: Packing, ids: bytes) -> bytes:
    """A part: the ids, then the prediction with its type, then probabilities; see `Packer`.

    Raises:
        ArtifactError: it is not what a model server writes.
    """
    try:
        table = _read(predicted, packing)
        columns = {name: table.column(name) for name in table.column_names if name != packing.row}
        if packing.row:
            kept = pq.read_table(pa.BufferReader(ids)).take(table.column(packing.row))
            columns = {name: kept.column(name) for name in packing.ids} | columns
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise ArtifactError("what the model server wrote cannot be read as its answers") from error
    return sink.getvalue()


def _read(predicted: bytes, packing: Packing) -> Any:  # noqa: ANN401 - untyped library
    first = predicted[: predicted.find(b"\n") + 1].decode()
    names = next(csv.reader([first]), [])
    passed = [packing.row] if packing.row else packing.ids
    if names[: len(passed) + 1] != [*passed, "prediction"]:
        raise ArtifactError("what the model server wrote does not have the columns that it should")
    types = dict.fromkeys(names, pa.float64())
    types |= dict.fromkeys(passed, pa.int64() if packing.row else pa.string())
    types["prediction"] = _TYPES[packing.prediction]
    return arrow_csv.read_csv(
        pa.BufferReader(predicted),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=False
        ),
    )
