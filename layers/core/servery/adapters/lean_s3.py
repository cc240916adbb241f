"""Whole objects of S3 without boto3, whose import and client take longer than a front function.

Named, retried, answered and refused as by boto3's client. What else is asked, and what is about a
bucket in another place, is left to that client, which is made then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from servery.adapters.lean_http import botocore_failures, traced
from servery.adapters.s3_http import address_of
from servery.adapters.sigv4 import EMPTY, Credentials, quoted_path, sign

if TYPE_CHECKING:
    from servery.adapters.kept_connections import HttpAnswer, KeptConnections
    from servery.adapters.standard_retries import StandardRetries
    from servery.ports import Clock

_REFUSED = 300
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")
_ELSEWHERE = frozenset(
    {"301", "307", "400", "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"}
)


class _ElsewhereError(Exception):
    """The bucket is in another region; boto3 finds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanS3:
    """Reads and writes objects over connections that are kept; any number of threads may share it.

    Attributes:
        endpoint: Address of another S3 than AWS's; empty for AWS's own.
        region: Of the buckets.
        credentials: Gives who asks, at each try, since they may be renewed.
        connections: Gives those to an address.
        clock: What requests are signed by.
        connect_s: Seconds that a connection may take.
        read_s: Seconds that an answer may take.
        retries: How often a call is tried.
        rest: Gives the client of boto3.
        trace: Gives the trace that a call belongs to, as Lambda names it; empty for none.
    """

    endpoint: str
    region: str
    credentials: Callable[[], Credentials]
    connections: Callable[[str], KeptConnections]
    clock: Clock
    connect_s: float
    read_s: float
    retries: StandardRetries
    rest: Callable[[], Any]
    trace: Callable[[], str] = str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever boto3 has
        return getattr(self.rest(), name)

    def get_object(self, **asked: str) -> Mapping[str, Any]:
        """An object, read whole."""
        return self._ask("GetObject", "GET", asked)

    def head_object(self, **asked: str) -> Mapping[str, Any]:
        """What an object is like."""
        return self._ask("HeadObject", "HEAD", asked)

    def put_object(self, *, Body: bytes, **asked: str) -> Mapping[str, Any]:  # noqa: N803
        """Write an object whole."""
        return self._ask("PutObject", "PUT", asked, Body)

    def _ask(
        self, operation: str, method: str, asked: Mapping[str, str], content: bytes | None = None
    ) -> Mapping[str, Any]:
        plain = asked.keys() == {"Bucket", "Key"} and asked["Key"]
        try:
            if plain and _BUCKET.fullmatch(asked["Bucket"]):
                return self._tried(operation, method, (asked["Bucket"], asked["Key"]), content)
        except _ElsewhereError:
            pass
        body = {} if content is None else {"Body": content}
        named = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object"}[method]
        answer: Mapping[str, Any] = getattr(self.rest(), named)(**asked, **body)
        return answer

    def _tried(
        self, operation: str, method: str, place: tuple[str, str], content: bytes | None
    ) -> Mapping[str, Any]:
        response, tried = self.retries.answer(lambda: self._send(method, *place, content), _code)
        if response.status < _REFUSED:
            return _answer(response, tried)
        if _code(response) in _ELSEWHERE:
            raise _ElsewhereError
        raise ClientError(_refusal(response, tried), operation)  # type: ignore[arg-type]

    def _send(self, method: str, bucket: str, key: str, content: bytes | None) -> HttpAnswer:
        tls, host, root = address_of(bucket, self.region, self.endpoint)
        path = quoted_path(root + key)
        headers = sign(
            method,
            host=host,
            path=path,
            digest=EMPTY if content is None else hashlib.sha256(content).hexdigest(),
            region=self.region,
            credentials=self.credentials(),
            now=self.clock.now(),
        )
        trace = self.trace()
        if trace:
            headers["x-amzn-trace-id"] = traced(trace)
        to = self.connections(f"{'https' if tls else 'http'}://{host}")
        with botocore_failures(host):
            return to.send(
                method, path, headers, content, connect_s=self.connect_s, answer_s=self.read_s
            )


def _answer(response: HttpAnswer, retries: int) -> Mapping[str, Any]:
    content = response.data
    headers = response.headers
    told = {"ETag": headers.get("etag"), "VersionId": headers.get("x-amz-version-id")}
    return {
        "Body": BytesIO(content),
        "ContentLength": int(headers.get("content-length", len(content))),
        **{name: value for name, value in told.items() if value},
        "ResponseMetadata": {"HTTPStatusCode": response.status, "RetryAttempts": retries},
    }


def _code(response: HttpAnswer) -> str:
    told = _CODE.search(response.data)
    return told[1].decode() if told else str(response.status)


def _refusal(response: HttpAnswer, retries: int) -> dict[str, Any]:
    """A refusal, as `ClientError` has it; to a HEAD nothing but the status is told."""
    message = _MESSAGE.search(response.data)
    return {
        "Error": {
            "Code": _code(response),
            "Message": message[1].decode(errors="replace") if message else "",
        },
        "ResponseMetadata": {"HTTPStatusCode": response.status, "RetryAttempts": retries},
    }
