"""A client of AWS whose every call fails in the same way."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


class FailingClient:
    """Fails every call, and every page.

    Args:
        error: What is raised.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(**_: object) -> None:
            raise self._error

        return fail

    def get_paginator(self, name: str) -> Any:
        error = self._error

        class Paginator:
            def paginate(self, **_: object) -> Any:
                raise error
                yield

        return Paginator()


def refused(code: str, status: int = 400, reasons: list[str] | None = None) -> ClientError:
    """What botocore raises when AWS refuses; `reasons` are those of a transaction."""
    response: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    if reasons is not None:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "Any")
