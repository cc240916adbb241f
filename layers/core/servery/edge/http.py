"""HTTP as API Gateway hands it over: a typed request out of a proxy event, and the answer to it."""

from __future__ import annotations

import re
import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from servery.errors import MalformedError, UnsupportedMediaError

JSON = "application/json"
BINARY_EXTENSION = "inference-header-content-length"
BINARY_MEDIA = "the binary tensor extension is not spoken here; send the data as JSON"
LONGEST_SECONDS = 29.0  # what API Gateway waits
SECURITY_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; the body is as it came, and nothing here has looked into it.

    Attributes:
        method: In capitals.
        resource: The path's template where API Gateway named it (`/v2/models/{model}`).
        path: The path, percent-encoded.
        parameters: The parameters in the path, percent-decoded.
        query: The query; of a name given twice, the last value.
        headers: By lower-case name; of a name given twice, all values joined by commas.
        body: The body, in base64 when `base64` says so.
        base64: Whether the body is in base64.
        request_id: What the caller sent as x-request-id when it is sane, else API Gateway's own.
        until: When this function has to be done, by the monotonic clock.
    """

    method: str
    resource: str
    path: str
    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    base64: bool
    request_id: str
    until: float

    @property
    def seconds(self) -> float:
        """Seconds that are left to answer in."""
        return self.until - time.monotonic()

    @property
    def size(self) -> int:
        """Bytes of the body, without decoding it."""
        if self.base64:
            return len(self.body.rstrip("=")) * 3 // 4
        return len(self.body) if self.body.isascii() else len(self.body.encode("utf-8", "replace"))

    def content(self) -> bytes:
        """The bytes of the body.

        Raises:
            MalformedError: it is not the base64 or the text that it claims to be.
        """
        return content_of(self.body, base64=self.base64)


def content_of(body: str, *, base64: bool) -> bytes:
    """The bytes of a body.

    Raises:
        MalformedError: it is not the base64 or the text that it claims to be.
    """
    try:
        return b64decode(body, validate=True) if base64 else body.encode()
    except (Base64Error, UnicodeEncodeError) as error:
        raise MalformedError("the body cannot be decoded") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers.

    Attributes:
        status: The HTTP status.
        body: JSON text that is ready, or anything that msgspec can write as JSON; None for no
            body.
        headers: Headers of this answer alone, by lower-case name.
        content_type: Type of the body.
        dimensions: Model and version for the metrics, where they are known.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    dimensions: dict[str, str] = field(default_factory=dict)


class Response(dict[str, Any]):
    """A proxy response: a plain dict but for one thing, it can be weakly referenced.

    So whoever has to wait until the response has left this process can know when it was let go.
    """

    __slots__ = ("__weakref__",)


def parse_request(event: dict[str, Any], invocation: Any = None) -> Request:
    """Read a request out of the event of a REST API's proxy integration.

    Args:
        event: The event as it came.
        invocation: Lambda's context object: gives the time that is left, and the id of a
            request whose event names none.
    """
    context = event.get("requestContext") or {}
    headers = _headers(event)
    own_id = str(context.get("requestId") or getattr(invocation, "aws_request_id", "") or "none")
    left = getattr(invocation, "get_remaining_time_in_millis", None)
    seconds = min(LONGEST_SECONDS, left() / 1000) if left else LONGEST_SECONDS
    sent_id = headers.get("x-request-id", "")
    return Request(
        method=str(event.get("httpMethod") or "GET").upper(),
        resource=str(event.get("resource") or ""),
        path=str(event.get("path") or "/"),
        parameters={k: unquote(v) for k, v in (event.get("pathParameters") or {}).items()},
        query=dict(event.get("queryStringParameters") or {}),
        headers=headers,
        body=event.get("body") or "",
        base64=bool(event.get("isBase64Encoded")),
        request_id=sent_id if _SANE_ID(sent_id) else own_id,
        until=time.monotonic() + seconds,
    )


def respond(answer: Answer, *, request_id: str, cors: dict[str, str] | None = None) -> Response:
    """The proxy response for an answer, with the headers that every answer has."""
    headers = {"x-request-id": request_id, **SECURITY_HEADERS, **(cors or {}), **answer.headers}
    body = answer.body
    if body is None:
        body = ""
    else:
        headers["content-type"] = answer.content_type
        if not isinstance(body, str):
            body = msgspec.json.encode(body).decode()
    return Response(statusCode=answer.status, headers=headers, body=body, isBase64Encoded=False)


def check_media(headers: Mapping[str, str]) -> None:
    """Let JSON through and nothing else; a request that names no type is taken at its word.

    Raises:
        UnsupportedMediaError: another type, another character set, or a body that is encoded.
    """
    if BINARY_EXTENSION in headers:
        raise UnsupportedMediaError(BINARY_MEDIA)
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaError("send the body as it is, without a content encoding")
    kind, *parameters = headers.get("content-type", JSON).lower().replace(" ", "").split(";")
    if kind not in {"", JSON}:
        raise UnsupportedMediaError(f"send the body as {JSON}")
    for parameter in parameters:
        if parameter.startswith("charset=") and parameter[8:].strip('"') not in {"utf-8", "utf8"}:
            raise UnsupportedMediaError("send the body in UTF-8")


def _headers(event: dict[str, Any]) -> dict[str, str]:
    several = event.get("multiValueHeaders")
    if several:
        return {name.lower(): ", ".join(values) for name, values in several.items()}
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}
