"""The rows of a batch's file, as a model reads them: CSV, JSON lines, gzip, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.cells import PARSE, is_null
from servery.domain.chunks import Chunk
from servery.domain.table import Reason
from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from servery.domain.batches import Source
    from servery.domain.canonical import Reading
    from servery.domain.signature import Field
    from servery.ports import Files, Inflate, RowGroups
    from servery.usecases.data_cache.models import CachedModel

AT_ONCE = 50
"""Rows of a file that are read together."""
_LONGEST_CELL = 1_000_000

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileReaders:
    """What files of batches are read with.

    Attributes:
        files: Objects.
        inflate: Inflates gzip.
        row_groups: Gives what reads Parquet.
    """

    files: Files
    inflate: Inflate
    row_groups: Callable[[], RowGroups]


class BatchRows:
    """The rows of a batch's file, as a model reads them.

    Args:
        model: Which model.
        readers: How files are read.
    """

    def __init__(self, model: CachedModel, readers: FileReaders) -> None:
        self._inputs = model.signature.inputs
        self._read = model.canonical.read
        self._readers = readers

    def readings(self, source: Source) -> Iterator[Reading | None]:
        """The rows, some at once; None for one that the model might refuse.

        Raises:
            InvalidInputError: the name of the file says nothing, or its text is not what it says.
            ConflictError: it is no longer there as it was.
        """
        rows = self._rows(source)
        while some := list(islice(rows, AT_ONCE)):
            reading = self._read(_body(some))
            if reading is not None:
                yield reading
            else:
                yield from (self._read(_body([row])) for row in some)

    def _rows(self, source: Source) -> Iterator[Record]:
        name = source.key.lower()
        if name.endswith(".parquet"):
            return self._parquet(source)
        plain = name.removesuffix(".gz")
        stream = self._readers.files.stream(source)
        text = _text(self._readers.inflate(stream) if plain != name else _blocks(stream))
        if plain.endswith(".csv"):
            return self._csv(text)
        if plain.endswith((".jsonl", ".ndjson")):
            return self._json_lines(text)
        raise InvalidInputError("the name of the file does not say its format")

    def _csv(self, text: Iterable[str], header: list[str] | None = None) -> Iterator[Record]:
        csv.field_size_limit(max(_LONGEST_CELL, csv.field_size_limit()))  # of the whole process
        reader = csv.reader(text, strict=True)
        try:
            names = header or next(reader, [])
            for cells in reader:
                if len(cells) == len(names):
                    yield self._record(dict(zip(names, cells, strict=True)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise InvalidInputError("the file cannot be read as CSV in UTF-8") from error

    def _json_lines(self, text: Iterable[str]) -> Iterator[Record]:
        for line in text:
            try:
                row = msgspec.json.decode(line)
            except msgspec.MsgspecError:
                continue
            if isinstance(row, dict):
                yield self._record(row)

    def _parquet(self, source: Source) -> Iterator[Record]:
        groups = self._readers.row_groups()
        header = [field.name for field in self._inputs]
        # Alone, a null would be an empty line, which is no row: so there is a number beside it.
        names = [*header, "row" if "row" not in header else "row_"]
        for index, group in enumerate(groups.footer(source).groups(set(header))):
            chunk = Chunk(
                name="00000",
                bucket=source.bucket,
                key=source.key,
                version_id=source.version_id,
                etag=source.etag,
                end=source.size,
                groups=(index, index + 1),
                rows=(0, group.rows),
            )
            unpacked = groups.unpack(chunk, names, [])
            yield from self._csv(io.StringIO(unpacked.rows.decode(), newline=""), names)

    def _record(self, cells: dict[str, Any]) -> Record:
        """The inputs of a row; a cell that says nothing acceptable is left out."""
        record = {}
        for field in self._inputs:
            value = _value(field, cells.get(field.name))
            if not isinstance(value, Reason):
                record[field.name] = value
        return record


def _body(records: list[Record]) -> bytes:
    return msgspec.json.encode({"records": records})


def _value(field: Field, cell: object) -> object:
    if is_null(field.dtype, cell) and field.nullable:
        return None
    return PARSE[field.dtype](cell)


def _text(blocks: Iterable[bytes]) -> Iterator[str]:
    return io.TextIOWrapper(io.BufferedReader(_Stream(blocks)), encoding="utf-8-sig", newline="")


def _blocks(stream: Any) -> Iterator[bytes]:  # noqa: ANN401 - a binary file
    with stream:
        while block := stream.read(1024 * 1024):
            yield block


class _Stream(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
