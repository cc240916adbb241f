"""Asking a room over HTTP, without a server: events of API Gateway, read answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from servery.edge.api import Api


class Reply(NamedTuple):
    """What the room answered; an empty body is None."""

    status: int
    headers: dict[str, str]
    body: Any


def call(
    api: Api,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **event: Any,
) -> Reply:
    """Ask.

    Args:
        api: The room.
        method: Of the request.
        path: It may have a query, taken as it is.
        body: Text is sent as it is, anything else as JSON.
        headers: By name; an underscore is a hyphen.
        event: What else the event has.
    """
    path, _, query = path.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    response = api.serve(
        {
            "httpMethod": method,
            "path": quote(path, safe="/%"),
            "headers": {name.replace("_", "-"): sent for name, sent in (headers or {}).items()},
            "queryStringParameters": {name: value for name, _, value in pairs} or None,
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "requestContext": {"requestId": "request-1"},
            **event,
        }
    )
    content = json.loads(response["body"]) if response["body"] else None
    return Reply(response["statusCode"], response["headers"], content)
