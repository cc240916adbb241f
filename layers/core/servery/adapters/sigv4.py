"""AWS Signature Version 4, for S3 first of all: all that a model server needs of an SDK.

Importing boto3 and making a client costs a model server some 300 ms of every cold start.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
"""SHA-256 (hex) of a request without a body."""


class Credentials(msgspec.Struct, frozen=True):
    """Who asks; the secrets never appear in its text form."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r})"


def quoted_path(path: str) -> str:
    """A path as it is signed and sent: everything but unreserved characters and slashes quoted."""
    return quote(path, safe="/-_.~")


def quoted_query(values: dict[str, str]) -> str:
    """A query as it is signed and sent: in order, everything but unreserved characters quoted."""
    pairs = sorted((quote(name, safe="-_.~"), quote(v, safe="-_.~")) for name, v in values.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def sign(
    method: str,
    *,
    host: str,
    path: str,
    query: str = "",
    headers: dict[str, str] | None = None,
    digest: str = EMPTY,
    region: str,
    credentials: Credentials,
    now: datetime,
    service: str = "s3",
) -> dict[str, str]:
    """The headers of a signed request.

    Args:
        method: `GET`, `PUT`, ...
        host: As in the Host header, with the port where it is not the scheme's own.
        path: The quoted path; for other services than S3, the quoted path quoted once more.
        query: The quoted query.
        headers: Further headers, names in lower case; they are signed too.
        digest: SHA-256 (hex) of the body.
        region: Of the bucket, or the other end.
        credentials: Who asks.
        now: The time, UTC.
        service: Who is asked.

    Returns:
        All headers to send, `host` included.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**(headers or {}), "host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    ordered = sorted(signed)
    names = ";".join(ordered)
    lines = "".join([f"{name}:{signed[name]}\n" for name in ordered])
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    key = _key(credentials.secret_key, scope)
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return signed


def sign_json(
    target: str,
    content: bytes,
    *,
    version: str,
    host: str,
    region: str,
    service: str,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """The headers of a call of a service that takes a JSON document.

    Args:
        target: The operation, behind the name of its interface.
        content: The document.
        version: Of the protocol, 1.0 or 1.1.
        host: And all further ones as for `sign`.
        region: Of the service.
        service: Its name in signatures.
        credentials: Who asks.
        now: The time.
    """
    return sign(
        "POST",
        host=host,
        path="/",
        headers={"content-type": f"application/x-amz-json-{version}", "x-amz-target": target},
        digest=hashlib.sha256(content).hexdigest(),
        region=region,
        service=service,
        credentials=credentials,
        now=now,
    )


@lru_cache(16)
def _key(secret: str, scope: str) -> bytes:
    """What is signed with: the same for a day."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
