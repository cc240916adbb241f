"""What can be wrong with a request for a job, as far as it shows without the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from servery.errors import InvalidInputError, MalformedError, Violation

if TYPE_CHECKING:
    from servery.ports import Caller

KEY_HEADER = "Idempotency-Key"
CALLBACK = "callback_url"
LONGEST_URL = 2048

_is_key = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?").fullmatch


class _Envelope(msgspec.Struct):
    records: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET


def check_body(body: bytes) -> None:
    """Refuse what is no request for any model.

    Raises:
        MalformedError: no JSON, or not UTF-8.
        InvalidInputError: not an object with either `records` or `inputs`.
    """
    if not body.strip():
        raise MalformedError("the body is empty")
    try:
        body.decode()
        envelope = msgspec.json.decode(body, type=_Envelope)
    except msgspec.ValidationError as error:
        raise _wrong("body", "is an object with records or inputs") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    given = [part for part in (envelope.records, envelope.inputs) if part is not UNSET]
    if len(given) != 1:
        raise _wrong("body", "has either records or inputs")


def check_key(key: str | None) -> None:
    """Refuse an idempotency key that is no 1 to 255 printable characters of ASCII.

    Raises:
        InvalidInputError: it is something else.
    """
    if key is not None and not _is_key(key):
        raise _wrong(KEY_HEADER, "is 1 to 255 printable ASCII characters")


def check_callback(url: str | None, caller: Caller) -> None:
    """Refuse an address that nobody may call.

    Raises:
        InvalidInputError: it is one.
    """
    if url is None:
        return
    if len(url) > LONGEST_URL:
        raise _wrong(CALLBACK, f"has at most {LONGEST_URL} characters")
    caller.check(url)


def _wrong(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {message}", (Violation(field, message),))
