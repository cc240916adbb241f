"""AWS Signature Version 4 for a GET from S3: all that a model server needs of an SDK.

Importing boto3 and making a client costs a model server some 300 ms of every cold start.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks; the secrets never appear in its text form."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def quoted_path(path: str) -> str:
    """A path as it is signed and sent: everything but unreserved characters and slashes quoted."""
    return quote(path, safe="/-_.~")


def sign_get(
    *, host: str, path: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """The headers of a signed GET from S3 without a query.

    Args:
        host: As in the Host header, with the port where it is not the scheme's own.
        path: The quoted path.
        region: Of the bucket.
        credentials: Who asks.
        now: The time, UTC.

    Returns:
        All headers to send, `host` included.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"GET\n{path}\n\n{lines}\n{names}\n{_EMPTY}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers
