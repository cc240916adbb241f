"""How a request is refused: the sentence, and how many violations are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from servery.errors import InvalidInputError, TooLargeError

if TYPE_CHECKING:
    from servery.errors import Violation

MOST = 20


def refuse(violations: list[Violation]) -> NoReturn:
    """Refuse a request with at most `MOST` of what is wrong with it.

    Raises:
        InvalidInputError: always.
    """
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    if len(violations) >= MOST:
        more = " (and more)"
    raise InvalidInputError(
        f"the request does not fit the model's signature: {first.field}: {first.message}{more}",
        tuple(violations[:MOST]),
    )


def check_rows(rows: int, most: int) -> None:
    """Let pass only as many rows as the model takes at once.

    Raises:
        TooLargeError: there are more.
    """
    if rows > most:
        raise TooLargeError(f"there are too many rows; one request may have {most}")
