"""CSV files: RFC 4180 with a header, UTF-8 with or without a byte-order mark.

Blanks belong to a field, as the RFC says; only numbers and bools are read without them. Empty
lines are no rows.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from servery.domain.table import CHUNK_ROWS, Chunk, Reason, Rejection, check_header
from servery.errors import InvalidInputError, MalformedError

if TYPE_CHECKING:
    from _csv import Reader

    from servery.domain.spec import Column

_FOREIGN = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"\x1f\x8b": "gzip",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive",
}


def read_csv(content: bytes, columns: list[Column]) -> Iterator[Chunk]:
    """Read a CSV file; see `TableReader`.

    A line with broken quotes, or too few or too many fields, is a bad row. A quote that is never
    closed makes the file malformed: nobody can say which rows it swallows.

    Raises:
        MalformedError: the file is not UTF-8, has no header, or has a quote that is not closed.
        InvalidInputError: the header does not fit the spec.
    """
    for mark, name in _FOREIGN.items():
        if content.startswith(mark):
            raise MalformedError(f"the data looks like {name}; it is read as CSV in UTF-8")
    with io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            header = _header(reader, columns)
            yield from _chunks(reader, header)
        except UnicodeDecodeError as error:
            raise MalformedError(
                f"the data is not UTF-8: behind line {reader.line_num} there is a byte "
                f"0x{error.object[error.start]:02x} that does not belong there"
            ) from error


def _header(reader: Reader, columns: list[Column]) -> list[str]:
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise MalformedError(f"the header cannot be read: {error}") from error
    if header is None:
        raise MalformedError("the data is empty; its first line is the header")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise InvalidInputError("the header has one field only; fields are separated by commas")
    check_header(header, columns)
    return header


def _chunks(reader: Reader, header: list[str]) -> Iterator[Chunk]:
    width = len(header)
    lines: list[int] = []
    rows: list[list[str]] = []
    rejected: list[Rejection] = []
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if reader.line_num > line or "end of data" in str(error):
                raise MalformedError(f"line {line} opens a quote that is not closed") from error
            rejected.append(Rejection(line, "", Reason.BAD_QUOTING))
            continue
        if len(row) == width:
            lines.append(line)
            rows.append(row)
        elif row:
            short = len(row) < width
            reason = Reason.TOO_FEW_FIELDS if short else Reason.TOO_MANY_FIELDS
            rejected.append(Rejection(line, "", reason))
        if len(rows) + len(rejected) >= CHUNK_ROWS:
            yield _chunk(header, lines, rows, rejected)
            lines, rows, rejected = [], [], []
    if rows or rejected:
        yield _chunk(header, lines, rows, rejected)


def _chunk(
    header: list[str], lines: list[int], rows: list[list[str]], rejected: list[Rejection]
) -> Chunk:
    columns = [list(cells) for cells in zip(*rows, strict=True)] or [[] for _ in header]
    return Chunk(lines, dict(zip(header, columns, strict=True)), rejected)
