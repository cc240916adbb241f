"""Errors as problem documents (RFC 9457): the one place that knows HTTP status codes of errors."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec

from servery import errors
from servery.errors import RejectedError, RetryableError

CONTENT_TYPE = "application/problem+json"

_STATUS: dict[type[Exception], HTTPStatus] = {
    errors.MalformedError: HTTPStatus.BAD_REQUEST,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.PairMismatchError: HTTPStatus.CONFLICT,
    errors.ReleaseOrderError: HTTPStatus.CONFLICT,
    errors.AllInOneError: HTTPStatus.CONFLICT,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.RejectedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DeadlineExceededError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.ThrottledError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RetryableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BadAnswerError: HTTPStatus.BAD_GATEWAY,
}
_OF_HOPS = (errors.DeadlineExceededError, errors.HopUnavailableError, errors.BadAnswerError)
_NOT_TOLD = "something is broken on our side; quote the request id when you report it"


def status_of(error: Exception) -> int:
    """The HTTP status for an error; 500 for whatever is not expected."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return int(_STATUS[kind])
    return int(HTTPStatus.INTERNAL_SERVER_ERROR)


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that an error brings along: `Retry-After`, `Allow`."""
    if isinstance(error, errors.MethodNotAllowedError):
        return {"allow": ", ".join(error.allowed)}
    if isinstance(error, RetryableError):
        return {"retry-after": str(max(1, ceil(error.retry_after)))}
    return {}


def problem(error: Exception, *, request_id: str) -> dict[str, Any]:
    """The problem document for an error.

    What happened inside is told only for errors that are made for the caller; anything else
    reads as a fault with the request id to quote.
    """
    status = status_of(error)
    told = isinstance(error, (RejectedError, RetryableError, errors.BadAnswerError))
    document: dict[str, Any] = {
        "type": f"urn:servery:problem:{_kebab(type(error).__name__) if told else 'fault'}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error) if told else _NOT_TOLD,
        "instance": f"urn:servery:request:{request_id}",
    }
    if isinstance(error, RejectedError) and error.violations:
        document["errors"] = [{"field": v.field, "message": v.message} for v in error.violations]
    if isinstance(error, errors.ReleaseOrderError) and error.first:
        document["first"] = error.first
    if isinstance(error, errors.OnlineBudgetError):
        document["routes"] = error.routes
    if isinstance(error, _OF_HOPS):
        document["hop"] = error.hop
    return document


def refusal(error: Exception, request_id: str) -> tuple[int, str]:
    """The status and the problem document, as JSON, for an error."""
    return status_of(error), msgspec.json.encode(problem(error, request_id=request_id)).decode()


def error_class(kind: str) -> str:
    """Name of the class of error that the `type` of a problem document stands for."""
    return "".join(word.capitalize() for word in kind.rpartition(":")[2].split("-")) + "Error"


def _kebab(name: str) -> str:
    stem = name.removesuffix("Error")
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in stem).lstrip("-")
