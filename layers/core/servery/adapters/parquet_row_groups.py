"""Parquet files in S3 by their row groups: the footer, and rows of a chunk as text."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from servery.adapters.parquet_table import dtype_of
from servery.adapters.ranged_file import open_ranged
from servery.domain.batches import Source
from servery.domain.chunks import Chunk
from servery.domain.packing import FoundColumn, RowGroup, Unpacked
from servery.domain.signature import Dtype
from servery.errors import MalformedError

if TYPE_CHECKING:
    from servery.ports import Files

_READ_AT_ONCE = 1024 * 1024
_BATCH_ROWS = 16_384
_MOST_HELD = 256 * 1024 * 1024
_LEAST_BUFFER = 64 * 1024
_LARGEST = 2.0**128 - 2.0**104
_PLAIN = (
    pa.types.is_date,
    pa.types.is_decimal,
    pa.types.is_time,
    pa.types.is_timestamp,
)


class ParquetFooter:
    """What a file says of itself at its end; see the port.

    Args:
        metadata: As pyarrow reads it.
    """

    def __init__(self, metadata: Any) -> None:  # noqa: ANN401 - untyped library
        self._metadata = metadata
        schema = metadata.schema.to_arrow_schema()
        self._columns = [_found(field) for field in schema]

    @property
    def columns(self) -> list[FoundColumn]:
        """Its columns, in order."""
        return self._columns

    def groups(self, names: Collection[str]) -> list[RowGroup]:
        """Its row groups, sized by the named columns alone."""
        paths = [self._metadata.schema.column(i).path for i in range(self._metadata.num_columns)]
        wanted = [index for index, path in enumerate(paths) if path in names]
        return [
            _group(self._metadata.row_group(index), wanted)
            for index in range(self._metadata.num_row_groups)
        ]


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

    def _open(self, source: Source) -> Any:  # noqa: ANN401 - a file, for an untyped library
        return open_ranged(self._files, source, block=_READ_AT_ONCE)


def _batches(stream: Any, metadata: Any, chunk: Chunk, names: list[str]) -> Iterator[Any]:  # noqa: ANN401
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
        self._batches: list[Any] = []
        self._schema: Any = None

    def add(self, batch: Any) -> None:  # noqa: ANN401 - untyped library
        if self._names:
            self._batches.append(batch.select(self._names))

    def begin(self, schema: Any) -> None:  # noqa: ANN401 - untyped library
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


def _write(text: io.BytesIO, batch: Any, header: list[str], numbers: Any) -> None:  # noqa: ANN401
    there = {*batch.schema.names}
    columns = [_printable(batch.column(n)) if n in there else numbers for n in header]
    table = pa.Table.from_arrays(columns, names=header)
    csv.write_csv(table, text, csv.WriteOptions(include_header=False, quoting_style="needed"))


def _printable(column: Any) -> Any:  # noqa: ANN401 - untyped library
    """A column as `write_csv` can write it."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_float32(kind) and pc.max(pc.abs(column)).as_py() == _LARGEST:
        return column.cast(pa.float64())  # its shortest form is rounded up, and out of range then
    if pa.types.is_null(kind) or any(of(kind) for of in _PLAIN):
        return column.cast(pa.string())
    return column


def _found(field: Any) -> FoundColumn:  # noqa: ANN401 - untyped library
    kind = field.type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    dtype = dtype_of(kind)
    known = dtype if isinstance(dtype, Dtype) else None
    empty = pa.types.is_null(value)
    plain = empty or known is not None or any(of(value) for of in _PLAIN)
    return FoundColumn(field.name, str(kind), known, plain, empty)


def _group(group: Any, wanted: list[int]) -> RowGroup:  # noqa: ANN401 - untyped library
    size = sum(group.column(index).total_uncompressed_size for index in wanted)
    # Encoded, a column may take next to nothing; as text, each cell takes some bytes.
    return RowGroup(group.num_rows, max(size, 4 * group.num_rows * len(wanted)))


def _buffer(metadata: Any, first: int, last: int) -> int:  # noqa: ANN401 - untyped library
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
