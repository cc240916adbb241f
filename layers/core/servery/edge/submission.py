"""What a request says about work that is done later: whom to tell when it is over."""

from __future__ import annotations

from servery.edge.http import Request
from servery.errors import InvalidInputError, Violation
from servery.usecases.jobs.checks import CALLBACK

CALLBACK_HEADER = "x-callback-url"


def callback_of(request: Request) -> str | None:
    """Whom to tell: out of the header or the query; None for nobody.

    Raises:
        InvalidInputError: it is in both.
    """
    in_header, in_query = request.headers.get(CALLBACK_HEADER), request.query.get(CALLBACK)
    if in_header is not None and in_query is not None:
        message = f"give it once: as {CALLBACK_HEADER} or in the query"
        raise InvalidInputError(f"{CALLBACK}: {message}", (Violation(CALLBACK, message),))
    return in_query if in_header is None else in_header
