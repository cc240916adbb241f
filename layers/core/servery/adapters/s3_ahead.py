"""Objects of S3 one after the other, small ones fetched before their turn.

An object costs a round trip whatever is in it, and a lake has many small ones: what streams write
in a minute, or at each request where a local cloud holds nothing back. Fetched one by one, a few
hundred of them take longer than whoever waits for them has.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

AHEAD = 8
"""Objects that are fetched at once."""
SMALL = 256 * 1024
"""Bytes of an object up to which it is; a larger one is opened when its turn has come."""

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


def in_turn(client: S3Client, bucket: str, keys: Iterable[str]) -> Generator[StreamingBody | None]:
    """The bodies of objects, in the order of their keys; None for one that is not there.

    What is fetched and not asked for is given up when the iterator is closed.

    Raises:
        RetryableError: S3 did not give one.
        FaultError: it may not be read.
    """
    waiting: deque[tuple[str, Future[bytes | None]]] = deque()
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="ahead")
    try:
        for key in keys:
            waiting.append((key, pool.submit(_small, client, bucket, key)))
            if len(waiting) > AHEAD:
                yield _body(client, bucket, *waiting.popleft())
        while waiting:
            yield _body(client, bucket, *waiting.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _LargeError(Exception):
    """An object is too large to be held."""


def _small(client: S3Client, bucket: str, key: str) -> bytes | None:
    """The bytes of a small object; None where there is none."""
    body = _opened(client, bucket, key)
    if body is None:
        return None
    with body:
        content: bytes = body.read(SMALL + 1)
    if len(content) > SMALL:
        raise _LargeError
    return content


def _body(
    client: S3Client, bucket: str, key: str, fetched: Future[bytes | None]
) -> StreamingBody | None:
    from botocore.response import StreamingBody  # noqa: PLC0415 - boto3 itself, nearly

    with aws_errors("reading the lake"):
        try:
            content = fetched.result()
        except _LargeError:
            return _opened(client, bucket, key)
        return None if content is None else StreamingBody(_held(content), len(content))


def _held(content: bytes) -> BinaryIO:
    return BytesIO(content)


def _opened(client: S3Client, bucket: str, key: str) -> StreamingBody | None:
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if code_of(error) in _ABSENT:
            return None
        raise
