"""What S3 answers over HTTP: the content that was asked for, or a refusal."""

from __future__ import annotations

import http.client
import re

import msgspec

from servery.errors import ArtifactError

_OK, _PARTIAL = 200, 206
_THROTTLED, _SERVER_ERROR = 429, 500
# S3 answers these with a status of the 4xx kind; the same request goes through later.
_PASSING = {"RequestTimeout", "ExpiredToken", "RequestTimeTooSkewed", "OperationAborted"}
_BUSY = {"SlowDown", "TooManyRequests", "ThrottlingException", "RequestLimitExceeded"}
_CODE = re.compile(rb"<Code>(\w+)</Code>")
_SKIPPED_AT_ONCE = 1024 * 1024


class S3Answer(msgspec.Struct, frozen=True):
    """What S3 said.

    Attributes:
        status: HTTP status; 200 or 206 with the content, else a refusal.
        content: The bytes that were asked for, or what the refusal says.
        etag: Of the object, without quotes.
        code: S3's own word for a refusal, `NoSuchKey` for example.
    """

    status: int
    content: bytes
    etag: str = ""
    code: str = ""

    @property
    def ok(self) -> bool:
        """Whether S3 did what was asked."""
        return self.status in {_OK, _PARTIAL}

    @property
    def busy(self) -> bool:
        """Whether S3 takes no more at the moment."""
        return self.status == _THROTTLED or self.code in _BUSY

    @property
    def final(self) -> bool:
        """Whether the same request would be answered in the same way."""
        return self.status < _SERVER_ERROR and not self.busy and self.code not in _PASSING


def read_answer(
    response: http.client.HTTPResponse, window: tuple[int, int] | None, most_bytes: int
) -> S3Answer:
    """Read a response whole, or the window out of it: a server may answer a range with all.

    Args:
        response: Whose head has arrived.
        window: First byte that was asked for and the one behind the last; None for all.
        most_bytes: Most that is read.

    Raises:
        ArtifactError: there is more.
        http.client.IncompleteRead: less arrived than was announced.
    """
    if window is not None and response.status == _OK:
        content = _window(response, *window, most_bytes)
    else:
        content = _whole(response, most_bytes)
    if response.status in {_OK, _PARTIAL}:
        etag = (response.getheader("etag") or "").strip('"')
        return S3Answer(response.status, content, etag)
    code = _CODE.search(content)
    return S3Answer(response.status, content, code=code[1].decode() if code else "")


def _whole(response: http.client.HTTPResponse, most_bytes: int) -> bytes:
    content = response.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ArtifactError(f"an object is larger than {most_bytes} bytes")
    expected = response.getheader("content-length")
    if expected is not None and len(content) != int(expected):
        raise http.client.IncompleteRead(content)
    return content


def _window(response: http.client.HTTPResponse, start: int, end: int, most_bytes: int) -> bytes:
    left = start
    while left > 0:
        skipped = len(response.read(min(left, _SKIPPED_AT_ONCE)))
        if not skipped:
            break
        left -= skipped
    end = min(end, start + most_bytes)
    content = response.read(end - start)
    length = int(response.getheader("content-length") or 0)
    if len(content) < min(end, length) - start:
        raise http.client.IncompleteRead(content)
    return content
