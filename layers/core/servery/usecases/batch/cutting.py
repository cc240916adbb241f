"""Cuts a file of lines into chunks: by windows around the bytes aimed at, or by reading all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.batches import Source
from servery.domain.boundaries import line_start, row_start
from servery.domain.chunks import Chunk, chunk_name
from servery.domain.row_splitter import LONGEST_LINE, RowSplitter, runs, too_long
from servery.errors import TooLargeError

if TYPE_CHECKING:
    from servery.ports import Files

MOST_CHUNKS = 10_000
_GROWTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How a file is cut.

    Attributes:
        target: Bytes that a chunk should have.
        rows: Rows that a chunk may have at the most.
        most: Chunks that there may be; they grow rather than become more.
        largest: Bytes of the largest chunk; beyond, no function could be sure to hold it.
        window: Bytes of the first look for the beginning of a row.
        doubtful: Bytes of the largest look for a row where lines there are.
        longest: Bytes of the longest line.
    """

    target: int = 8 * 1024 * 1024
    rows: int = 10_000_000
    most: int = MOST_CHUNKS
    largest: int = 64 * 1024 * 1024
    window: int = 16 * 1024
    doubtful: int = 1024 * 1024
    longest: int = LONGEST_LINE

    def chunk(self, total: int) -> int:
        """Bytes of a chunk of a file with so many bytes.

        Raises:
            TooLargeError: it would be larger than may be.
        """
        size = max(self.target, -(-total // self.most))
        if size > self.largest:
            raise TooLargeError(
                f"the rows of the file take {total:,} bytes, more than the "
                f"{self.most * self.largest:,} of one batch; drop it in several files"
            )
        return size

    def piece(self, index: int) -> int:
        """Bytes of a piece of a file whose size nobody knows yet: more the more there are."""
        return int(self.target * 2.0 ** (index // max(1, self.most // 10)))


def cut_by_windows(
    files: Files, source: Source, start: int, sizes: Sizes, *, width: int = 0
) -> Iterator[int]:
    """Where chunks end, found by looking at a window behind each byte that is aimed at.

    Args:
        files: What reads windows.
        source: The file.
        start: Where its rows begin.
        sizes: How it is cut.
        width: Fields of a row (CSV); 0 where each newline ends a row (JSON lines).

    Raises:
        InvalidInputError: a line is longer than the bound.
    """
    size, position = sizes.chunk(source.size - start), start
    while source.size - position > size + size // 4:
        aim = position + size
        position = aim + _next_row(files, source, aim, sizes, width)
        yield position
    if position < source.size:
        yield source.size


def _next_row(files: Files, source: Source, aim: int, sizes: Sizes, width: int) -> int:
    """Bytes from a position to the next row; the end of the file counts as one."""
    length = sizes.window
    while True:
        window = files.read(source, aim, aim + length)
        ended = aim + len(window) >= source.size
        newline = line_start(window)
        if newline is None and len(window) > sizes.longest:
            raise too_long(aim, sizes.longest)
        if (newline or len(window)) > sizes.window:
            _check_line(files, source, aim, newline or len(window), sizes)
        found = newline
        if width:
            largest = min(sizes.doubtful, sizes.longest + 1)
            found = row_start(window, width, final=ended or length >= largest)
        if found is not None or ended:
            return found or len(window)
        length = min(length * _GROWTH, sizes.longest + 1)


def _check_line(files: Files, source: Source, aim: int, forward: int, sizes: Sizes) -> None:
    """Refuse a line that is too long, although no look at one side of the byte tells so."""
    length = sizes.window
    while True:
        begin = max(0, aim - length)
        behind = files.read(source, begin, aim).rfind(b"\n")
        back = aim - begin - behind - 1 if behind >= 0 else aim - begin
        if back + forward > sizes.longest:
            raise too_long(aim - back, sizes.longest)
        if behind >= 0 or begin == 0:
            return
        length = min(length * _GROWTH, sizes.longest + 1)


def cut_exactly(
    blocks: Iterable[bytes], splitter: RowSplitter, start: int, size: int
) -> Iterator[int]:
    """Where chunks end, found by reading everything.

    Args:
        blocks: All bytes from `start` on, a block at a time.
        splitter: Finds the ends of rows.
        start: Where the rows begin.
        size: Bytes that a chunk should have.

    Raises:
        InvalidInputError: a row is longer than the bound.
    """
    position = ended = start
    for run in runs(blocks, splitter):
        position += len(run)
        if position - ended >= size:
            ended = position
            yield position
    if position > ended:
        yield position


def stage(
    blocks: Iterable[bytes], splitter: RowSplitter, sizes: Sizes, put: Callable[[int, bytes], Chunk]
) -> Iterator[Chunk]:
    """Write what can only be read as a stream in pieces, each of whole rows.

    Args:
        blocks: All rows, a block of bytes at a time.
        splitter: Finds the ends of rows.
        sizes: How they are cut.
        put: Writes the piece with this number.

    Raises:
        InvalidInputError: a row is longer than the bound.
    """
    held, size, index = [], 0, 0
    for run in runs(blocks, splitter):
        held.append(run)
        size += len(run)
        if size >= sizes.piece(index):
            yield put(index, b"".join(held))
            held, size, index = [], 0, index + 1
    if held or not index:
        yield put(index, b"".join(held))


def byte_chunks(source: Source, start: int, ends: Iterable[int]) -> Iterator[Chunk]:
    """Chunks of a file, one behind the other."""
    for index, end in enumerate(ends):
        yield Chunk(
            name=chunk_name(index),
            bucket=source.bucket,
            key=source.key,
            version_id=source.version_id,
            etag=source.etag,
            start=start,
            end=end,
        )
        start = end
