"""The body of a request to a graph, read strictly against the columns that the graph wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from servery.domain.entities import EntityColumn, complaint
from servery.domain.signature import Dtype
from servery.edge.graph.json_members import Members, parse_members
from servery.edge.http import Request, check_media
from servery.errors import InvalidInputError, MalformedError, TooLargeError, Violation
from servery.usecases.graph.values import Row

MOST_BYTES = 5_000_000
MOST_ROWS = 10_000
MOST_TOLD = 20
_NAME_SHOWN = 64


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
    if body.id is None and any(column.name == "id" for column in columns):
        return False  # whose the key is cannot be told by counting
    texts = [column.name for column in columns if column.dtype is Dtype.STRING]
    strings = 1 + len(body.records) * len(columns)
    strings += sum(record[name] is not None for name in texts for record in body.records)
    strings += 2 if body.id is not None else b'"id"' in content
    return content.count(b'"') == 2 * strings


class _Examination:
    """Finds what is wrong with a body: the slow way, that only refused requests take."""

    def __init__(self, columns: Sequence[EntityColumn]) -> None:
        self._columns = {column.name: column for column in columns}
        self._found: list[Violation] = []

    def run(self, content: bytes) -> None:
        """Refuse the body with what is wrong; nothing happens where nothing is found."""
        value = parse_members(content)
        if isinstance(value, Members):
            members = self._members(value, "", ("records", "id"), "is not known here")
            if not isinstance(members.get("id", ""), str) and members["id"] is not None:
                self._add("id", "is not text")
            self._records(members.get("records"), there="records" in members)
        else:
            self._add("body", "is not a JSON object")
        if self._found:
            first = self._found[0]
            more = f" (and {len(self._found) - 1} more)" if len(self._found) > 1 else ""
            message = f"the request does not fit the graph: {first.field}: {first.message}{more}"
            raise InvalidInputError(message, tuple(self._found))

    def _records(self, records: Any, *, there: bool) -> None:
        if not there:
            self._add("records", "is missing")
        elif not isinstance(records, list) or isinstance(records, Members):
            self._add("records", "is not an array of objects")
        elif not records:
            self._add("records", "is empty")
        elif len(records) > MOST_ROWS:
            raise TooLargeError(f"there are too many rows; one request may have {MOST_ROWS}")
        else:
            for index, record in enumerate(records):
                self._record(f"records[{index}]", record)

    def _record(self, path: str, record: Any) -> None:
        if len(self._found) >= MOST_TOLD:
            return
        if not isinstance(record, Members):
            self._add(path, "is not an object")
            return
        what = "is no column of this graph"
        members = self._members(record, f"{path}.", self._columns, what)
        for name, column in self._columns.items():
            if name not in members:
                self._add(f"{path}.{name}", "is missing")
                continue
            wrong = complaint(column, members[name])
            if wrong:
                self._add(f"{path}.{name}", wrong)

    def _members(self, pairs: Members, path: str, known: Any, what: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name not in known:
                self._add(f"{path}{_shown(name)}", what)
            elif name in members:
                self._add(f"{path}{name}", "is there twice")
            members[name] = value
        return members

    def _add(self, field: str, message: str) -> None:
        if len(self._found) < MOST_TOLD:
            self._found.append(Violation(field, message))


def _shown(name: str) -> str:
    printable = name.encode("ascii", "backslashreplace").decode()
    return printable if len(printable) <= _NAME_SHOWN else f"{printable[:_NAME_SHOWN]}..."
