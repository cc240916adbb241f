"""JSON lines whose every row is certainly right, decoded into structs of the signature's types."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.adapters.chunk_rows.json_records import passed, record_decoder, unread
from servery.domain.json_text import count_strings
from servery.domain.rows import LONGEST_ROW, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from servery.domain.chunks import Layout
    from servery.domain.inputs import Columns


class QuickJson:
    """Reads blocks of one layout.

    Args:
        columns: What the model takes.
        layout: What the chunks have in common.
    """

    def __init__(self, columns: Columns, layout: Layout) -> None:
        self._columns = columns
        self._decode = record_decoder(columns, layout).decode
        numeric, text = len(columns.numeric), len(columns.text)
        self._numeric = [f"f{index}" for index in range(numeric)]
        self._text = [f"f{index}" for index in range(numeric, numeric + text)]
        self._ids = [f"i{index}" for index in range(len(passed(columns, layout)))]
        self._unread = [f"x{index}" for index in range(len(unread(columns, layout)))]
        # What an id column has as an input is not its text any more.
        self._knows_ids = not set(layout.ids) & columns.by_name.keys()

    def read(self, block: bytes, line: int) -> Rows | None:
        """The rows of a block of lines, the first of them `line`; None where there is a doubt."""
        if len(block) > LONGEST_ROW or not self._knows_ids:
            return None
        lines = block.removesuffix(b"\n").split(b"\n")
        try:
            block.decode()
            records = list(map(self._decode, lines))
            numbers = _table(records, self._numeric)
            matrix = None if numbers is None else _matrix(numbers, len(lines))
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return None
        texts, raws = _table(records, self._text) or [], _table(records, self._ids) or []
        unread = _table(records, self._unread) or []
        present = [raw for raw in unread if isinstance(raw, msgspec.Raw)]
        if count_strings(block) != self._strings(len(lines), texts, raws, present):
            return None
        if matrix is not None and not self._columns.numbers_fit(matrix):
            return None
        text = self._texts(len(lines), texts)
        if self._text and text is None:
            return None
        width = len(self._ids)
        ids = [bytes(raw).decode() for raw in raws]
        return Rows(
            rows_in=len(lines),
            numeric=None if matrix is None else matrix.astype(np.float32),
            text=text,
            ids=tuple(ids[index::width] for index in range(width)),
            starts=np.arange(line, line + len(lines), dtype=np.int64),
            rejected=[],
            lines=len(lines),
        )

    def _strings(
        self, rows: int, texts: Sequence[Any], raws: Sequence[Any], present: Sequence[Any]
    ) -> int:
        """JSON strings that the lines hold when no key is repeated: every name, every text."""
        names = rows * (len(self._numeric) + len(self._text) + len(self._ids)) + len(present)
        inside = count_strings(b" ".join(map(bytes, (*raws, *present))))
        return names + sum(text is not None for text in texts) + inside

    def _texts(self, rows: int, texts: Sequence[Any]) -> NDArray[np.object_] | None:
        if not texts:
            return None
        matrix = np.array(texts, dtype=object).reshape(rows, -1)
        if not self._columns.texts_fit(matrix):
            return None
        matrix[matrix == None] = ""  # noqa: E711 - elementwise
        return matrix


def _matrix(numbers: list[Any], rows: int) -> NDArray[np.float64]:
    return np.fromiter(numbers, np.float64, len(numbers)).reshape(rows, -1)


def _table(records: list[Any], names: list[str]) -> list[Any] | None:
    """The members of all records, row by row; None where no names are asked for."""
    if not names:
        return None
    if len(names) == 1:
        return list(map(attrgetter(names[0]), records))
    return list(chain.from_iterable(map(attrgetter(*names), records)))
