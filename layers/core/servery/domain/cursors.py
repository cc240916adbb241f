"""The places of records in lists, as text that a URL takes as it is.

Lists are in the reverse order of `{created} {id}`; the place of the last record of a page is
where the next page begins.
"""

from __future__ import annotations

import re
from functools import cache

from servery.errors import InvalidInputError, Violation

BATCH_ID = 24
"""Hexadecimal digits of the id of a batch."""

_UTC = "+00:00"


def cursor_of(order: str) -> str:
    """The cursor of a record, from where it is in the list."""
    created, _, identifier = order.partition(" ")
    return f"{created.removesuffix(_UTC)}_{identifier}"


def order_at(cursor: str, digits: int) -> str:
    """Where in the list a cursor is.

    Args:
        cursor: The `next` of the page before; empty for the beginning, and so is the order then.
        digits: How many an id has.

    Raises:
        InvalidInputError: it is no `next` of any page.
    """
    if not cursor:
        return ""
    if not _form(digits).fullmatch(cursor):
        message = "is the `next` of the page before"
        raise InvalidInputError("the query is not acceptable", (Violation("before", message),))
    created, _, identifier = cursor.partition("_")
    return f"{created}{_UTC} {identifier}"


@cache
def _form(digits: int) -> re.Pattern[str]:
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
    return re.compile(rf"{moment}_[0-9a-f]{{{digits}}}")
