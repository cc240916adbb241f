"""JSON lines one by one: what is wrong is named, the rest is read.

The values are those of the records form of a request: numbers are numbers and not text, a null
is written, and every input is there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.adapters.chunk_rows.json_records import id_decoder, passed, unread
from servery.domain.json_pairs import Pairs, read_pairs, whole_or_infinite
from servery.domain.rows import LONGEST_ROW, Rows
from servery.domain.table import Reason, Rejection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.chunks import Layout
    from servery.domain.inputs import Columns

_NAME_SHOWN = 64


class _BadRowError(Exception):
    def __init__(self, column: str, reason: Reason) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class CarefulJson:
    """Reads blocks of one layout.

    Args:
        columns: What the model takes.
        layout: What the chunks have in common.
    """

    def __init__(self, columns: Columns, layout: Layout) -> None:
        self._columns = columns
        self._ids = id_decoder(layout).decode
        self._required = [c.name for c in columns.all] + passed(columns, layout)
        self._known = {*self._required, *unread(columns, layout)}
        self._width = len(layout.ids)

    def read(self, block: bytes, line: int, *, last: bool) -> tuple[Rows, int]:  # noqa: ARG002
        """The rows of a block of lines, the first of them `line`, and how many bytes they are."""
        lines = block.removesuffix(b"\n").split(b"\n")
        records: list[dict[str, Any]] = []
        ids: list[list[str]] = []
        starts: list[int] = []
        rejected: list[Rejection] = []
        for number, content in enumerate(lines, line):
            if not content.strip(b" \t\r"):
                continue
            try:
                records.append(self._record(content))
            except _BadRowError as bad:
                rejected.append(Rejection(number, bad.column, bad.reason))
                continue
            raws = self._ids(content)
            ids.append([bytes(getattr(raws, f"i{i}")).decode() for i in range(self._width)])
            starts.append(number)
        rows = Rows(
            rows_in=len(starts) + len(rejected),
            numeric=self._numeric(records),
            text=self._text(records),
            ids=tuple([row[index] for row in ids] for index in range(self._width)),
            starts=np.array(starts, np.int64),
            rejected=rejected,
            lines=len(lines),
        )
        return rows, len(block)

    def _record(self, content: bytes) -> dict[str, Any]:
        """The members of a line."""
        if len(content) > LONGEST_ROW:
            raise _BadRowError("", Reason.TOO_LONG)
        try:
            pairs = read_pairs(content.decode(), whole=whole_or_infinite)
        except UnicodeDecodeError as error:
            raise _BadRowError("", Reason.NOT_UTF8) from error
        except (json.JSONDecodeError, RecursionError) as error:
            raise _BadRowError("", Reason.NOT_JSON) from error
        if not isinstance(pairs, Pairs):
            raise _BadRowError("", Reason.NOT_JSON)
        members = self._members(pairs)
        for column in self._columns.all:
            fault = column.fault(members[column.name])
            if fault is not None:
                raise _BadRowError(column.name, fault[0])
        try:
            self._ids(content)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _BadRowError("", Reason.NOT_JSON) from error  # NaN in an ignored column
        return members

    def _members(self, pairs: Pairs) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name not in self._known:
                raise _BadRowError(_shown(name), Reason.UNKNOWN_FIELD)
            if name in members:
                raise _BadRowError(name, Reason.FIELD_TWICE)
            members[name] = value
        for name in self._required:
            if name not in members:
                raise _BadRowError(name, Reason.MISSING)
        return members

    def _numeric(self, records: list[dict[str, Any]]) -> NDArray[np.float32] | None:
        names = [column.name for column in self._columns.numeric]
        if not names:
            return None
        values = [[record[name] for name in names] for record in records]
        return np.array(values, np.float64).reshape(-1, len(names)).astype(np.float32)

    def _text(self, records: list[dict[str, Any]]) -> NDArray[np.object_] | None:
        names = [column.name for column in self._columns.text]
        if not names:
            return None
        values = ["" if record[n] is None else record[n] for record in records for n in names]
        return np.array(values, np.object_).reshape(-1, len(names))


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()[:_NAME_SHOWN]
