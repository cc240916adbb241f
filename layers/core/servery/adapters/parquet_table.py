"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from servery.domain.packing import FITTING
from servery.domain.signature import Dtype
from servery.domain.spec import Role
from servery.domain.table import CHUNK_ROWS, Chunk, check_header
from servery.errors import InvalidInputError, MalformedError, Violation

if TYPE_CHECKING:
    from servery.domain.spec import Column


def read_parquet(content: bytes, columns: list[Column]) -> Iterator[Chunk]:
    """Read a Parquet file; see `TableReader`. The line of a row is its number, from 1.

    Whole numbers may be stored as floats, as programs do for columns with gaps.

    Raises:
        MalformedError: the bytes are no Parquet file, or a damaged one.
        InvalidInputError: its columns, or their types, do not fit the spec.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise MalformedError("the data is no Parquet file, or a damaged one") from error
    check_header(file.schema_arrow.names, columns)
    kept = [column for column in columns if column.role is not Role.IGNORED]
    _check_types(file.schema_arrow, kept)
    batches = file.iter_batches(CHUNK_ROWS, columns=[column.name for column in kept])
    read = 0
    while True:
        try:
            batch = next(batches, None)
            # Text is decoded here, so that what is no text counts as damage too.
            chunk = None if batch is None else _chunk(batch, kept, read)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise MalformedError(f"the Parquet file is damaged behind row {read}") from error
        if chunk is None:
            return
        yield chunk
        read += len(chunk.lines)


def _chunk(batch: Any, kept: list[Column], read: int) -> Chunk:  # noqa: ANN401 - untyped library
    named = dict(zip(batch.schema.names, batch.columns, strict=True))
    cells = {column.name: named[column.name].to_pylist() for column in kept}
    return Chunk([*range(read + 1, read + 1 + batch.num_rows)], cells, [])


def _check_types(schema: Any, kept: list[Column]) -> None:  # noqa: ANN401 - untyped library
    wrong = []
    for column in kept:
        arrow = schema.field(column.name).type
        found = dtype_of(arrow)
        if found is not None and found not in FITTING[column.dtype]:
            wrong.append(
                Violation(column.name, f"is {arrow} in the file, {column.dtype} in the spec")
            )
    if wrong:
        told = "; ".join(f"{v.field} {v.message}" for v in wrong)
        raise InvalidInputError(
            f"the types of the data are not those of the spec: {told}", (*wrong,)
        )


def dtype_of(arrow: Any) -> Dtype | str | None:  # noqa: ANN401 - untyped library
    """Our type for one of Arrow's, its name where we have none, None where all is null."""
    if pa.types.is_dictionary(arrow):
        arrow = arrow.value_type
    if pa.types.is_null(arrow):
        return None
    if pa.types.is_boolean(arrow):
        return Dtype.BOOL
    if pa.types.is_integer(arrow):
        return Dtype.INT
    if pa.types.is_floating(arrow):
        return Dtype.FLOAT
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return Dtype.STRING
    return str(arrow)
