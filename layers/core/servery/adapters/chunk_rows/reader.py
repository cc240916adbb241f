"""The reader of chunks, whatever their format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from servery.adapters.chunk_rows.csv_careful import CarefulCsv
from servery.adapters.chunk_rows.csv_places import CsvPlaces
from servery.adapters.chunk_rows.csv_quick import QuickCsv
from servery.adapters.chunk_rows.json_careful import CarefulJson
from servery.adapters.chunk_rows.json_quick import QuickJson
from servery.domain.inputs import Columns
from servery.domain.rows import Rows, join_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servery.domain.chunks import Layout
    from servery.domain.signature import Signature

BLOCK = 262_144
_PARTED = 16


class _Quick(Protocol):
    def read(self, block: bytes, line: int) -> Rows | None: ...


class _Careful(Protocol):
    def read(self, block: bytes, line: int, *, last: bool) -> tuple[Rows, int]: ...


class RowReader:
    """Reads chunks of one layout.

    Args:
        signature: What the model takes.
        layout: What the chunks have in common.
        block: Bytes that are read at once, about; memory and time depend on it, results do not.
    """

    def __init__(self, signature: Signature, layout: Layout, *, block: int = BLOCK) -> None:
        columns = Columns(signature)
        self._block, self._less = block, max(1, block // _PARTED)
        self._doubts = layout.format == "csv" and not layout.exact
        self._nothing = _nothing(columns, len(layout.ids))
        self._quick: _Quick
        self._careful: _Careful
        if layout.format == "csv":
            places = CsvPlaces.of(columns, layout)
            self._quick, self._careful = QuickCsv(columns, places), CarefulCsv(columns, places)
        else:
            self._quick = QuickJson(columns, layout)
            self._careful = CarefulJson(columns, layout)

    def read(self, content: bytes) -> Rows:
        """The rows of a chunk.

        Where the layout is not exact, a CSV chunk at whose end a quote is open is not aligned. If
        the chunk begins with a row, it ends within one then; so of chunks that are all aligned
        each begins with a row, since the first one does.

        Args:
            content: Whole rows in UTF-8, without the header.
        """
        parts = []
        for part in self._parts(content):
            if self._doubts and not part.aligned:
                return join_rows([self._nothing], lines=0, aligned=False)
            parts.append(part)
        parts = parts or [self._nothing]
        unended = bool(content) and not content.endswith(b"\n")
        return join_rows(parts, lines=content.count(b"\n") + unended)

    def _parts(self, content: bytes) -> Iterator[Rows]:
        position, line, doubtful = 0, 1, 0
        while position < len(content):
            size = self._less if position < doubtful else self._block
            end = _line_end(content, position + size)
            block = content[position:end]
            rows, used = self._quick.read(block, line), len(block)
            if rows is None and position >= doubtful:
                doubtful = end
                continue
            if rows is None:
                rows, used = self._read_carefully(content, position, end, line)
            yield rows
            position, line = position + used, line + rows.lines

    def _read_carefully(
        self, content: bytes, position: int, end: int, line: int
    ) -> tuple[Rows, int]:
        while True:
            last = end == len(content)
            rows, used = self._careful.read(content[position:end], line, last=last)
            if used:
                return rows, used
            # The block ends before its first row does: twice as much of it.
            end = _line_end(content, 2 * end - position)


def _line_end(content: bytes, position: int) -> int:
    """Where the line ends that has the byte before a position."""
    return content.find(b"\n", min(position, len(content)) - 1) + 1 or len(content)


def _nothing(columns: Columns, ids: int) -> Rows:
    return Rows(
        rows_in=0,
        numeric=np.empty((0, len(columns.numeric)), np.float32) if columns.numeric else None,
        text=np.empty((0, len(columns.text)), np.object_) if columns.text else None,
        ids=tuple([] for _ in range(ids)),
        starts=np.empty(0, np.int64),
        rejected=[],
        lines=0,
    )
