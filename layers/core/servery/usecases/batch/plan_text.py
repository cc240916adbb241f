"""Plans files of lines: CSV and JSON lines, as they are or inflated from gzip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from servery.domain.row_splitter import RowSplitter
from servery.errors import InvalidInputError
from servery.usecases.batch.cutting import byte_chunks, cut_by_windows, cut_exactly, stage
from servery.usecases.batch.desk import Cut, Desk, Text
from servery.usecases.batch.formats import check_text, without_mark
from servery.usecases.batch.header import LONGEST_HEADER, Columns, check_names, read_header

if TYPE_CHECKING:
    from servery.ports import Inflate
    from servery.usecases.batch.cutting import Sizes

_HEAD = 64 * 1024
_BLOCK = 1024 * 1024
_EMPTY = "the file is empty"


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a text: its columns, where its rows begin, and some of them."""

    names: list[str]
    start: int
    sample: bytes

    @property
    def row_size(self) -> float:
        """Bytes of a row, by those that are seen."""
        return len(self.sample) / max(1, self.sample.count(b"\n"))


def read_head(desk: Desk) -> bytes:
    """The first bytes of the file.

    Raises:
        InvalidInputError: it has none.
    """
    source = desk.batch.source
    if not source.size:
        raise InvalidInputError(_EMPTY)
    return desk.files.read(source, 0, _HEAD)


def cut_text(desk: Desk, content: bytes, kind: Text, *, exact: bool) -> Cut:
    """Chunks of a file that is read in place.

    Args:
        desk: What is planned.
        content: Its first bytes.
        kind: What it holds.
        exact: Whether everything is to be read; else windows are.

    Raises:
        InvalidInputError: it is not of its kind, or its columns do not fit.
        TooLargeError: it has more bytes than can be cut up.
    """
    source = desk.batch.source
    if b"\n" not in content and len(content) < source.size:
        content = desk.files.read(source, 0, LONGEST_HEADER)
    head = _head(content, kind, desk.columns, whole=len(content) == source.size)
    ids = _ids(desk, kind, head)
    sizes = desk.sizes_for(head.row_size)
    if head.start >= source.size:
        return desk.made([desk.stage(kind, 0, b"")], kind, head.names, ids, exact=True)
    if exact and kind == "csv":
        ends = _exact_ends(desk, head.start, sizes)
    else:
        ends = cut_by_windows(desk.files, source, head.start, sizes, width=len(head.names))
    chunks = [*byte_chunks(source, head.start, ends)]
    # In JSON lines every newline ends a row, and a single chunk has no boundary at all.
    certain = exact or kind == "jsonl" or len(chunks) == 1
    return desk.made(chunks, kind, head.names, ids, exact=certain)


def cut_gzip(desk: Desk, kind: Text, inflate: Inflate) -> Cut:
    """Chunks of a file that is inflated into pieces, whose boundaries are certain.

    Raises:
        InvalidInputError: it is truncated or damaged, not of its kind, or its columns do not fit.
        TooLargeError: it inflates to more than is allowed.
    """
    blocks = inflate(desk.files.stream(desk.batch.source))
    content, whole = _enough(blocks)
    head = _head(content, kind, desk.columns, whole=whole)
    sizes = desk.sizes_for(head.row_size)
    splitter = RowSplitter(quoted=kind == "csv", longest=sizes.longest)
    step = min(_BLOCK, sizes.target)
    rows = (
        block[start : start + step]
        for block in chain([content[head.start :]], blocks)
        for start in range(0, len(block), step)
    )
    chunks = [*stage(rows, splitter, sizes, lambda index, some: desk.stage(kind, index, some))]
    return desk.made(chunks, kind, head.names, _ids(desk, kind, head), exact=True)


def _enough(blocks: Iterator[bytes]) -> tuple[bytes, bool]:
    """So much of a stream that its header is there, and whether that is all of it."""
    content = b""
    for block in blocks:
        content += block
        if len(content) >= LONGEST_HEADER or (len(content) >= _HEAD and b"\n" in content):
            return content, False
    return content, True


def _exact_ends(desk: Desk, start: int, sizes: Sizes) -> Iterator[int]:
    source = desk.batch.source
    size = sizes.chunk(source.size - start)
    splitter = RowSplitter(quoted=True, longest=sizes.longest)
    with desk.files.stream(source) as stream:
        stream.read(start)
        blocks = iter(lambda: stream.read(min(_BLOCK, size)), b"")
        yield from cut_exactly(blocks, splitter, start, size)


def _head(content: bytes, kind: Text, columns: Columns, *, whole: bool) -> _Head:
    """The beginning of a text, checked.

    Raises:
        InvalidInputError: there is nothing, or something else.
    """
    check_text(content, kind)
    text = without_mark(content)
    if whole and not text.strip():
        raise InvalidInputError(_EMPTY)
    if kind == "jsonl":
        return _Head([], len(content) - len(text), text)
    line, newline, rest = text.partition(b"\n")
    if not newline and not whole:
        raise InvalidInputError(f"the header is longer than {LONGEST_HEADER:,} bytes")
    names = read_header(line)
    check_names(names, columns)
    return _Head(names, len(content) - len(rest), rest)


def _ids(desk: Desk, kind: Text, head: _Head) -> list[str]:
    columns = desk.columns
    return columns.passed(head.names) if kind == "csv" else columns.passed_anywhere
