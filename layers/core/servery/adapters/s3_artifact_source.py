"""Model load: the files of a model straight from S3 over HTTP, without an SDK."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servery.adapters.sigv4 import quoted_path, sign_get
from servery.errors import ArtifactError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.adapters.sigv4 import Credentials
    from servery.domain.manifest import ModelRef
    from servery.ports import Clock

_OK = 200
_SERVER_ERROR = 500
_THROTTLED = 429
_TRIES = 2
_MOST_BYTES = 512 * 1024 * 1024


class S3ArtifactSource:
    """Reads artifacts from one bucket; a connection is kept for the next file.

    Args:
        bucket: Name of the bucket.
        region: Its region.
        credentials: Gives who asks, at each request, since they may be renewed.
        clock: For the signature.
        endpoint: Address of another S3 than AWS's, then with the bucket in the path.
        timeout: Seconds for connecting and for each read.
        most_bytes: Largest file that is read.
    """

    def __init__(
        self,
        bucket: str,
        *,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        endpoint: str = "",
        timeout: float = 10.0,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        in_path = bool(endpoint) or "." in bucket
        aws = f"s3.{region}.amazonaws.com"
        address = urlsplit(endpoint or f"https://{aws if in_path else f'{bucket}.{aws}'}")
        self._tls = address.scheme != "http"
        self._host = address.netloc
        self._root = address.path.rstrip("/") + (f"/{bucket}/" if in_path else "/")
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._connection: http.client.HTTPConnection | None = None

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """One file of an artifact.

        Raises:
            ArtifactError: it is not there, may not be read, or is larger than the bound.
            UnavailableError: S3 did not answer, twice.
        """
        path = quoted_path(f"{self._root}{ref.prefix}/{filename}")
        reason = ""
        for _ in range(_TRIES):
            try:
                status, content = self._get(path)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                reason = type(error).__name__
                continue
            if status == _OK:
                return content
            if status < _SERVER_ERROR and status != _THROTTLED:
                raise ArtifactError(
                    f"{ref.prefix}/{filename} is not there, or this server may not read it "
                    f"(S3 answered {status})"
                )
            reason = f"status {status}"
        raise UnavailableError(f"S3 did not give {ref.prefix}/{filename} ({reason})", retry_after=2)

    def _get(self, path: str) -> tuple[int, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
            self._connection = kind(self._host, timeout=self._timeout)
        headers = sign_get(
            host=self._host,
            path=path,
            region=self._region,
            credentials=self._credentials(),
            now=self._clock.now(),
        )
        self._connection.request("GET", path, headers=headers)
        response = self._connection.getresponse()
        content = response.read(self._most_bytes + 1)
        if len(content) > self._most_bytes:
            self._drop()
            raise ArtifactError(f"{path} is larger than {self._most_bytes} bytes")
        expected = response.getheader("content-length")
        if response.status == _OK and expected is not None and len(content) != int(expected):
            raise http.client.IncompleteRead(content)
        return response.status, content

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
