"""S3 over plain HTTP: what a model server does there, without an SDK.

    s3 = S3Http(region=region, credentials=credentials, clock=clock)
    answer = s3.get("bucket", "key", version_id=version, etag=etag, start=0, end=100)

Connections are kept for each bucket; several threads may ask at once, each over its own. A request
is sent a second time where the first was not answered or S3 was busy; what S3 refuses is the
caller's to understand.
"""

from __future__ import annotations

import hashlib
import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from servery.adapters.s3_answer import read_answer
from servery.adapters.sigv4 import EMPTY, quoted_path, quoted_query, sign
from servery.adapters.tls import prepare_tls, tls_context
from servery.errors import ThrottledError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.adapters.s3_answer import S3Answer
    from servery.adapters.sigv4 import Credentials
    from servery.ports import Clock

_TRIES = 2
_MOST_BYTES = 512 * 1024 * 1024


class _Request(msgspec.Struct, frozen=True):
    method: str
    bucket: str
    key: str
    query: str = ""
    headers: dict[str, str] | None = None
    body: bytes | None = None
    window: tuple[int, int] | None = None


class S3Http:
    """Reads and writes objects.

    Attributes:
        most_bytes: Most that is read at once.

    Args:
        region: Of the buckets.
        credentials: Gives who asks, at each request, since they may be renewed.
        clock: For the signature.
        endpoint: Address of another S3 than AWS's, then with the bucket in the path.
        timeout: Seconds for connecting and for each read.
        most_bytes: Most that is read at once.
    """

    def __init__(
        self,
        *,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        endpoint: str = "",
        timeout: float = 10.0,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._endpoint = endpoint
        self._timeout = timeout
        self.most_bytes = most_bytes
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}

    def prepare(self) -> None:
        """Begin what the first request would have to wait for, in a thread."""
        if address_of("any", self._region, self._endpoint)[0]:
            prepare_tls()

    def get(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        etag: str = "",
        start: int = 0,
        end: int | None = None,
    ) -> S3Answer:
        """Read an object or a range of it.

        Args:
            bucket: Where it is.
            key: Its key.
            version_id: Exactly this version of it.
            etag: Only if it has this one, without quotes.
            start: First byte.
            end: The byte behind the last one; None for all of it.

        Raises:
            ThrottledError: S3 took no more, twice.
            UnavailableError: S3 did not answer, twice.
            ArtifactError: it is larger than the bound.
        """
        query = quoted_query({"versionId": version_id} if version_id else {})
        headers = {"if-match": f'"{etag}"'} if etag else {}
        window = None if end is None else (start, end)
        if window is not None:
            headers["range"] = f"bytes={start}-{window[1] - 1}"
        return self._ask(_Request("GET", bucket, key, query, headers, window=window))

    def put(self, bucket: str, key: str, content: bytes) -> S3Answer:
        """Write an object whole.

        Raises:
            ThrottledError: S3 took no more, twice.
            UnavailableError: S3 did not answer, twice.
        """
        return self._ask(_Request("PUT", bucket, key, body=content))

    def close(self) -> None:
        """Close the connections; the next request opens another."""
        for bucket in list(self._idle):
            self._forget(bucket)

    def _ask(self, request: _Request) -> S3Answer:
        busy, reason = False, ""
        for attempt in range(_TRIES):
            try:
                answer = self._send(request, kept=not attempt)
            except (OSError, http.client.HTTPException) as error:
                self._forget(request.bucket)
                busy, reason = False, type(error).__name__
                continue
            if answer.final:
                return answer
            busy = answer.busy
            reason = f"status {answer.status} {answer.code}".rstrip()
        sentence = f"S3 did not answer the {request.method} of {request.key} ({reason})"
        if busy:
            raise ThrottledError(sentence, retry_after=2)
        raise UnavailableError(sentence, retry_after=2)

    def _send(self, request: _Request, *, kept: bool) -> S3Answer:
        tls, host, root = address_of(request.bucket, self._region, self._endpoint)
        path = quoted_path(root + request.key)
        headers = sign(
            request.method,
            host=host,
            path=path,
            query=request.query,
            headers=request.headers,
            digest=EMPTY if request.body is None else hashlib.sha256(request.body).hexdigest(),
            region=self._region,
            credentials=self._credentials(),
            now=self._clock.now(),
        )
        target = f"{path}?{request.query}" if request.query else path
        connection = self._idle_connection(request.bucket) if kept else None
        connection, whole = connection or self._new_connection(host, tls=tls), False
        try:
            connection.request(request.method, target, body=request.body, headers=headers)
            response = connection.getresponse()
            answer = read_answer(response, request.window, self.most_bytes)
            whole = response.isclosed()  # else the rest of it is still on its way
        finally:
            if whole:
                self._idle.setdefault(request.bucket, []).append(connection)
            else:
                connection.close()
        return answer

    def _idle_connection(self, bucket: str) -> http.client.HTTPConnection | None:
        try:
            return self._idle[bucket].pop()
        except (KeyError, IndexError):
            return None

    def _new_connection(self, host: str, *, tls: bool) -> http.client.HTTPConnection:
        if not tls:
            return http.client.HTTPConnection(host, timeout=self._timeout)
        return http.client.HTTPSConnection(host, timeout=self._timeout, context=tls_context())

    def _forget(self, bucket: str) -> None:
        """Close what is kept: where one was cut off while nobody used it, the others were too."""
        for connection in self._idle.pop(bucket, []):
            connection.close()


def address_of(bucket: str, region: str, endpoint: str = "") -> tuple[bool, str, str]:
    """Where a bucket is: whether over TLS, the host, and the path before each key.

    A name with dots does not fit the certificate of a host of its own, so it goes into the path.
    """
    in_path = bool(endpoint) or "." in bucket
    aws = f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    address = urlsplit(endpoint or f"https://{aws if in_path else f'{bucket}.{aws}'}")
    root = address.path.rstrip("/") + (f"/{bucket}/" if in_path else "/")
    return address.scheme != "http", address.netloc, root
