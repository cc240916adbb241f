"""Parquet files in S3 by their row groups: rows of a chunk as text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from servery.adapters.parquet_footer import Metadata, ParquetFooter, is_plain
from servery.adapters.ranged_file import open_ranged
from servery.domain.batches import Source
from servery.domain.chunks import Chunk
from servery.domain.packing import Unpacked
from servery.errors import MalformedError

if TYPE_CHECKING:
    from servery.ports import Files

_READ_AT_ONCE = 1024 * 1024
_BATCH_ROWS = 16_384
_MOST_HELD = 256 * 1024 * 1024
_LEAST_BUFFER = 64 * 1024
_LARGEST = 2.0**128 - 2.0**104

Batch: TypeAlias = Any  # of pyarrow, which has no types
Schema: TypeAlias = Any
Array: TypeAlias = Any


class ParquetRowGroups:
    """Reads Parquet files in parts; see the port.

    Args:
        files: What reads ranges.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def footer(self, source: Source) -> ParquetFooter:
        """What is in a file, without reading its rows.

        Raises:
            MalformedError: it is no Parquet file, or a damaged one.
        """
        with _read("it is no Parquet file, or a damaged one"), self._open(source) as stream:
            return ParquetFooter(pq.read_metadata(stream))

    def unpack(self, chunk: Chunk, header: list[str], kept: list[str]) -> Unpacked:
        """The rows of a chunk with the columns of a header; see the port.

        Text is in quotes and a null is not, numbers are written so that they read as the same,
        dates and times as ISO 8601 but for a blank in place of the T.

        Raises:
            MalformedError: the file is damaged there.
        """
        text, ids, count = io.BytesIO(), _Table(kept), 0
        with _read("the Parquet file is damaged"), self._open(_source(chunk)) as stream:
            metadata = pq.read_metadata(stream)
            schema = metadata.schema.to_arrow_schema()
            ids.begin(schema)
            names = {*kept, *header}.intersection(schema.names)
            for batch in _batches(stream, metadata, chunk, [*names]):
                numbers = pa.array(range(count, count + batch.num_rows), pa.int64())
                _write(text, batch, header, numbers)
                ids.add(batch)
                count += batch.num_rows
        return Unpacked(text.getvalue(), ids.content())

    def _open(self, source: Source) -> BinaryIO:
        return open_ranged(self._files, source, block=_READ_AT_ONCE)


def _batches(
    stream: BinaryIO, metadata: Metadata, chunk: Chunk, names: list[str]
) -> Iterator[Batch]:
    """The rows of a chunk, some at a time."""
    first, last = chunk.groups or (0, 0)
    start, end = chunk.rows or (0, 0)
    if start == end:
        return
    file = pq.ParquetFile(
        stream,
        metadata=metadata,
        buffer_size=_buffer(metadata, first, last),
        page_checksum_verification=True,
    )
    groups, passed = [*range(first, last)], 0
    for batch in file.iter_batches(_BATCH_ROWS, groups, names, use_threads=False):
        low, high = max(start - passed, 0), min(end - passed, batch.num_rows)
        if low < high:
            yield batch.slice(low, high - low)
        passed += batch.num_rows
        if passed >= end:
            return


class _Table:
    """The columns that are passed through, with the types of the source."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._batches: list[Batch] = []
        self._schema: Schema = None

    def add(self, batch: Batch) -> None:
        if self._names:
            self._batches.append(batch.select(self._names))

    def begin(self, schema: Schema) -> None:
        self._schema = pa.schema([schema.field(name) for name in self._names])

    def content(self) -> bytes:
        if not self._names:
            return b""
        batches = [batch.cast(self._schema) for batch in self._batches]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_batches(batches, self._schema), sink)
        return sink.getvalue()


def _source(chunk: Chunk) -> Source:
    return Source(
        bucket=chunk.bucket,
        key=chunk.key,
        version_id=chunk.version_id,
        etag=chunk.etag,
        size=chunk.end,
    )


def _write(text: io.BytesIO, batch: Batch, header: list[str], numbers: Array) -> None:
    there = {*batch.schema.names}
    columns = [_printable(batch.column(n)) if n in there else numbers for n in header]
    table = pa.Table.from_arrays(columns, names=header)
    csv.write_csv(table, text, csv.WriteOptions(include_header=False, quoting_style="needed"))


def _printable(column: Array) -> Array:
    """A column as `write_csv` can write it."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_float32(kind) and pc.max(pc.abs(column)).as_py() == _LARGEST:
        return column.cast(pa.float64())  # its shortest form is rounded up, and out of range then
    if pa.types.is_null(kind) or is_plain(kind):
        return column.cast(pa.string())
    return column


def _buffer(metadata: Metadata, first: int, last: int) -> int:
    """Bytes of each column's buffer: 0, which reads it whole, unless a group is too large."""
    largest: int = max(metadata.row_group(index).total_byte_size for index in range(first, last))
    if largest <= _MOST_HELD:
        return 0
    columns: int = max(1, metadata.num_columns)
    return max(_LEAST_BUFFER, _MOST_HELD // 2 // columns)


@contextmanager
def _read(sentence: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise MalformedError(sentence) from error
