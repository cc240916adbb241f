"""The body of a staged request: rows whose values nobody looks into before the models do."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from servery.edge.http import Request, check_media
from servery.edge.strict import misfit
from servery.errors import InvalidInputError, MalformedError, Violation

_NAME_SHOWN = 64
_ESCAPED = (b"\\\\", b'\\"')


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    records: list[dict[str, msgspec.Raw]]
    id: str | None = None


class _Members(list[Any]):
    """A JSON object with its members in order, repeated ones too."""


def read_records(request: Request) -> tuple[list[dict[str, msgspec.Raw]], str | None]:
    """The rows of a request, each value as it was written, and the caller's own id.

    Raises:
        UnsupportedMediaError: the body says that it is something else than JSON.
        MalformedError: it is not JSON.
        InvalidInputError: it does not have the form, or an object has a member twice.
    """
    check_media(request.headers)
    content = request.content()
    if not content.strip():
        raise MalformedError("the body is empty")
    try:
        content.decode()  # of values that are passed on unread the decoder only sees the ends
        body = msgspec.json.decode(content, type=_Body)
    except msgspec.ValidationError as error:
        raise misfit(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    if _strings(content) != _expected(body, content):
        _refuse_repeated(content)
    return body.records, body.id


def _strings(content: bytes) -> int:
    """How many JSON strings, names and values, there are."""
    if b"\\" in content:
        for escaped in _ESCAPED:
            content = content.replace(escaped, b"")
    return content.count(b'"') // 2


def _expected(body: _Body, content: bytes) -> int:
    """How many there are when no object has a member twice."""
    if body.id is None and b'"id"' in content:
        return -1  # it is null, or names a column: that cannot be told by counting
    named = 1 if body.id is None else 3
    within = sum(_strings(bytes(raw)) for row in body.records for raw in row.values())
    return named + sum(map(len, body.records)) + within


def _refuse_repeated(content: bytes) -> None:
    """Name the first member that is there twice; nothing happens where none is."""
    # Numbers are not looked at, so they may be as long as they like.
    read = json.loads(content, object_pairs_hook=_Members, parse_int=str, parse_float=str)
    members = dict(_once(read, ""))
    for index, record in enumerate(members["records"]):
        _once(record, f"records[{index}].")


def _once(members: _Members, path: str) -> _Members:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            printable = name.encode("ascii", "backslashreplace").decode()
            field = f"{path}{printable[:_NAME_SHOWN]}"
            raise InvalidInputError(
                f"{field} is there twice", (Violation(field, "is there twice"),)
            )
        seen.add(name)
    return members
