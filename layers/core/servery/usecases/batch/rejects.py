"""Merges the rejected rows of all chunks into one file, with the lines of the whole input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import Batch, scratch
from servery.domain.chunks import ChunkResult
from servery.domain.table import Reason

if TYPE_CHECKING:
    from servery.ports import Files

HEADER = ("line", "column", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the piece that a chunk leaves; `line` counts from 1 at the chunk's start."""

    line: int
    column: str
    reason: str


_decode = msgspec.json.Decoder(RejectedRow).decode_lines


def piece_key(batch: Batch, name: str) -> str:
    """Where a chunk leaves its rejected rows."""
    return f"{scratch(batch)}rejects/{name}.jsonl"


def merged(batch: Batch, results: Sequence[ChunkResult], files: Files) -> Iterator[bytes]:
    """`rejects.csv`, a piece for each chunk that has some; no more than one is ever held.

    The line is that of the file, its header counted (CSV); for Parquet it is the row.
    """
    yield _csv([HEADER])
    before = 1 if batch.format == "csv" else 0
    for result in results:
        if result.rows_rejected:
            rows = _decode(files.load(piece_key(batch, result.name)))
            yield _csv((row.line + before, _told(row), row.reason) for row in rows)
        before += result.rows_in if batch.format == "parquet" else result.lines


def _told(row: RejectedRow) -> str:
    """The column; a name that nobody knows is not left to a spreadsheet to carry out."""
    unknown = row.reason == Reason.UNKNOWN_FIELD
    return f"'{row.column}" if unknown and row.column.startswith(_FORMULA) else row.column


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
