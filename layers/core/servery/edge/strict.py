"""Strict reading of small inputs: a body or a query either fits its type or is refused by field."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import TypeVar

import msgspec

from servery.edge.http import Request, check_media
from servery.errors import InvalidInputError, MalformedError, TooLargeError, Violation

T = TypeVar("T", bound=msgspec.Struct)
E = TypeVar("E", bound=StrEnum)

MAX_BODY = 64 * 1024
"""Bytes of a body that is no prediction."""
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
_MAX_CURSOR = 200
_FLAGS = {"true": True, "false": False}

_ERROR = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>.*)`", re.DOTALL)


def read_body(request: Request, kind: type[T], *, most: int = MAX_BODY) -> T:
    """The body as `kind`; no body at all is all of its defaults.

    Args:
        request: The request.
        kind: What its body is.
        most: Bytes that it may have.

    Raises:
        MalformedError: it is not JSON.
        InvalidInputError: it is JSON, but does not fit; the violation names the field.
        TooLargeError: it has more than `most` bytes.
        UnsupportedMediaError: it says that it is something else.
    """
    if request.size > most:
        raise TooLargeError(f"the body has more than {most // 1024} kB")
    content = request.content()
    if content.strip():
        check_media(request.headers)
    try:
        return msgspec.json.decode(content if content.strip() else b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise misfit(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error


def read_page(request: Request, also: Collection[str] = ()) -> tuple[int, str]:
    """How many are asked for, and where the page before ended (empty for the first page).

    Args:
        request: The request.
        also: Further parameters that the route has.

    Raises:
        InvalidInputError: the query has something else, or it is not acceptable.
    """
    check_query(request, {"limit", "before", *also})
    limit = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(MAX_LIMIT))):
        raise _wrong("limit", f"is a number from 1 to {MAX_LIMIT}")
    if not 1 <= int(limit) <= MAX_LIMIT:
        raise _wrong("limit", f"is a number from 1 to {MAX_LIMIT}")
    before = request.query.get("before", "")
    if len(before) > _MAX_CURSOR:
        raise _wrong("before", "is the `next` of the page before")
    return int(limit), before


def read_choice(request: Request, name: str, kind: type[E]) -> E | None:
    """A parameter of the query that is one of the values of `kind`; None where it is not given.

    Raises:
        InvalidInputError: it is something else.
    """
    given = request.query.get(name)
    if given is None:
        return None
    try:
        return kind(given)
    except ValueError as error:
        raise _wrong(name, f"is one of {', '.join(kind)}") from error


def read_flag(request: Request, name: str) -> bool:
    """A parameter of the query that is `true` or `false`; false where it is not given.

    Raises:
        InvalidInputError: it is something else.
    """
    given = request.query.get(name, "false")
    if given not in _FLAGS:
        raise _wrong(name, "is true or false")
    return _FLAGS[given]


def check_query(request: Request, known: Collection[str] = ()) -> None:
    """Refuse parameters of the query that the route does not have.

    Raises:
        InvalidInputError: there is one.
    """
    for name in request.query:
        if name not in known:
            raise _wrong(name[:_MAX_CURSOR], "this route has no such parameter")


def _wrong(field: str, message: str) -> InvalidInputError:
    return InvalidInputError("the query is not acceptable", (Violation(field, message),))


def misfit(error: msgspec.ValidationError) -> InvalidInputError:
    """The error of msgspec in our form: it names fields and types, and no values but enum names."""
    told = str(error)
    match = _ERROR.match(told)
    path, message = (match["path"] or "", match["message"]) if match else ("", told)
    named = _FIELD.search(message)
    field = ".".join(part for part in (path, named["name"] if named else "") if part)
    if message.startswith("Invalid enum value"):
        message = "is not one of the values that are allowed"
    violation = Violation(field[:_MAX_CURSOR] or "body", message[:500])
    return InvalidInputError("the body is not acceptable", (violation,))
