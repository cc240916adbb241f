"""Which format a file has: by the end of its name, and checked by its first bytes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from servery.domain.batches import Format

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_FOREIGN = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    GZIP: "gzip",
    PARQUET: "Parquet",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"%PDF": "PDF",
}


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What a file holds, and whether that is compressed."""

    format: Format
    gzipped: bool = False


def format_of(key: str) -> FileFormat:
    """What the name of a file says.

    Raises:
        InvalidInputError: it says nothing that is read here.
    """
    name = key.lower()
    gzipped = name.endswith(".gz")
    name = name.removesuffix(".gz")
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix) and not (gzipped and kind == "parquet"):
            return FileFormat(kind, gzipped)
    raise InvalidInputError(
        "the name of the file does not say its format; it ends in .csv, .jsonl, .ndjson (each "
        "with or without .gz) or .parquet"
    )


def check_packed(head: bytes, found: FileFormat) -> None:
    """Refuse a file that is not compressed, or is no Parquet, although its name says so.

    Raises:
        InvalidInputError: it is something else.
    """
    if found.gzipped and not head.startswith(GZIP):
        raise InvalidInputError("the name of the file ends in .gz, but it is not compressed")
    if found.format == "parquet" and not head.startswith(PARQUET):
        raise InvalidInputError("the name of the file ends in .parquet, but it is no Parquet file")


def check_text(head: bytes, kind: Format) -> None:
    """Refuse what cannot be lines of UTF-8.

    Args:
        head: The first bytes of the text.
        kind: What it is to be, csv or jsonl.

    Raises:
        InvalidInputError: it is something else.
    """
    for mark, name in _FOREIGN.items():
        if head.startswith(mark):
            raise _foreign(name, kind)
    if b"\0" in head:
        raise _foreign("UTF-16 or no text at all", kind)
    if kind == "jsonl" and without_mark(head).lstrip().startswith(b"["):
        raise InvalidInputError(
            "the file is one JSON array; JSON lines have an object on each line"
        )


def without_mark(head: bytes) -> bytes:
    """The same text without a byte-order mark."""
    return head.removeprefix(codecs.BOM_UTF8)


def _foreign(name: str, kind: Format) -> InvalidInputError:
    return InvalidInputError(f"the file looks like {name}; it is read as {kind} in UTF-8")
