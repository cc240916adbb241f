"""The body of a request to a graph, read strictly against the columns that the graph wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from servery.domain.entities import EntityColumn, complaint
from servery.domain.json_pairs import Pairs
from servery.domain.signature import Dtype
from servery.edge.findings import Findings, is_array, parse_pairs
from servery.edge.http import Request, check_media
from servery.errors import InvalidInputError, MalformedError, TooLargeError
from servery.usecases.graph.values import Row

MOST_BYTES = 5_000_000
MOST_ROWS = 10_000
MOST_TOLD = 20


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    records: list[dict[str, Any]]
    id: str | None = None


def read_records(request: Request, columns: Sequence[EntityColumn]) -> tuple[list[Row], str | None]:
    """The rows of a request, and the caller's own id.

    Raises:
        TooLargeError: more bytes or rows than a graph takes at once.
        UnsupportedMediaError: the body says that it is something else than JSON.
        MalformedError: it is not JSON.
        InvalidInputError: it does not fit, by field; never with a value of the caller.
    """
    if request.size > MOST_BYTES:
        raise TooLargeError(f"the body has {request.size} bytes; a graph takes {MOST_BYTES}")
    check_media(request.headers)
    content = request.content()
    if not content.strip():
        raise MalformedError("the body is empty")
    try:
        body = msgspec.json.decode(content, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _Examination(columns).run(content)
        raise MalformedError("the body is not JSON of the form that a graph takes") from None
    if len(body.records) > MOST_ROWS:
        raise TooLargeError(f"there are too many rows; one request may have {MOST_ROWS}")
    if not (_fits(body.records, columns) and _no_key_twice(content, body, columns)):
        _Examination(columns).run(content)
    return body.records, body.id


def _fits(records: list[Row], columns: Sequence[EntityColumn]) -> bool:
    names = {column.name for column in columns}
    return bool(records) and all(
        record.keys() == names
        and not any(complaint(column, record[column.name]) for column in columns)
        for record in records
    )


def _no_key_twice(content: bytes, body: _Body, columns: Sequence[EntityColumn]) -> bool:
    """Whether the body has as many strings as what was read of it: of two keys one is lost."""
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    if body.id is None and b'"id"' in content:
        return False  # it is null, or names a column, or is a text: counting does not tell
    texts = [column.name for column in columns if column.dtype is Dtype.STRING]
    strings = 1 + len(body.records) * len(columns)
    strings += sum(record[name] is not None for name in texts for record in body.records)
    strings += 2 if body.id is not None else 0
    return content.count(b'"') == 2 * strings


class _Examination(Findings):
    """Finds what is wrong with a body: the slow way, that only refused requests take."""

    def __init__(self, columns: Sequence[EntityColumn]) -> None:
        super().__init__(MOST_TOLD)
        self._columns = {column.name: column for column in columns}

    def run(self, content: bytes) -> None:
        """Refuse the body with what is wrong; nothing happens where nothing is found."""
        value = parse_pairs(content)
        if isinstance(value, Pairs):
            members = self.members(value, "", ("records", "id"))
            if not isinstance(members.get("id", ""), str) and members["id"] is not None:
                self.add("id", "is not text")
            self._records(members.get("records"), there="records" in members)
        else:
            self.add("body", "is not a JSON object")
        if self.found:
            first = self.found[0]
            more = f" (and {len(self.found) - 1} more)" if len(self.found) > 1 else ""
            message = f"the request does not fit the graph: {first.field}: {first.message}{more}"
            raise InvalidInputError(message, tuple(self.found))

    def _records(self, records: Any, *, there: bool) -> None:
        if not there:
            self.add("records", "is missing")
        elif not is_array(records):
            self.add("records", "is not an array of objects")
        elif not records:
            self.add("records", "is empty")
        elif len(records) > MOST_ROWS:
            raise TooLargeError(f"there are too many rows; one request may have {MOST_ROWS}")
        else:
            for index, record in enumerate(records):
                self._record(f"records[{index}]", record)

    def _record(self, path: str, record: Any) -> None:
        if self.full:
            return
        if not isinstance(record, Pairs):
            self.add(path, "is not an object")
            return
        what = "is no column of this graph"
        members = self.members(record, f"{path}.", self._columns, what)
        for name, column in self._columns.items():
            if name not in members:
                self.add(f"{path}.{name}", "is missing")
                continue
            wrong = complaint(column, members[name])
            if wrong:
                self.add(f"{path}.{name}", wrong)
