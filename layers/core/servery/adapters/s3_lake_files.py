"""The lake as whoever tidies it sees it: joins objects with little of them in memory."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.lake_objects import LakeObjects
from servery.adapters.s3_parts import put_pieces
from servery.errors import FaultError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

AHEAD = 16
SMALL_BYTES = 4 * 1024 * 1024  # what is read ahead whole: with AHEAD, 64 MiB at the most
CHUNK = 1024 * 1024
MOST_DELETED = 1000  # by one call

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6


class S3LakeFiles:
    """Objects of the lake's bucket.

    Args:
        client: Client of S3, with as many connections as objects are read ahead.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._objects = LakeObjects(client, bucket)

    def folders(self, prefix: str) -> Sequence[str]:
        """The prefixes one level below, each with a slash at the end."""
        with aws_errors("listing the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            return [
                entry["Prefix"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
                for entry in page.get("CommonPrefixes", [])
            ]

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Bytes of the objects under a prefix, by key, in the order of the keys."""
        with aws_errors("listing the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            return {
                entry["Key"]: entry["Size"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for entry in page.get("Contents", [])
            }

    def read(self, key: str) -> bytes | None:
        """All bytes of an object; None where there is none."""
        return self._objects.read(key)

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        with aws_errors("writing to the lake"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def put_new(self, key: str, content: bytes) -> bool:
        """Write an object whole if there is none under the key; whether that was so."""
        with aws_errors("writing to the lake"):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=content, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) in _TAKEN:
                    return False
                raise
            return True

    def join(self, key: str, sources: Sequence[str], *, lacking: bool) -> bool:
        """Write the lines of objects into one, compressed; it is there whole or not at all."""
        pieces = _compressed(_lines(self._contents(sources, lacking=lacking)))
        try:
            put_pieces(self._client, self._bucket, key, pieces)
        except NotFoundError:
            return False
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; nothing happens for those that are not there.

        Raises:
            UnavailableError: some are still there.
            FaultError: it is not allowed.
        """
        left = deque(keys)
        while left:
            some = [left.popleft() for _ in range(min(len(left), MOST_DELETED))]
            with aws_errors("tidying the lake"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
                )
            refused = answer.get("Errors", [])
            if refused:
                codes = sorted({error.get("Code", "") for error in refused})
                why = f"{len(refused)} objects of the lake could not be deleted: {codes}"
                raise FaultError(why) if "AccessDenied" in codes else UnavailableError(why)

    def _contents(self, keys: Sequence[str], *, lacking: bool) -> Iterator[Iterable[bytes]]:
        """The content of objects in order, some of them read ahead.

        Raises:
            NotFoundError: one is not there, and may not lack.
        """
        with ThreadPoolExecutor(AHEAD, "lake") as threads:
            ahead: deque[Future[Iterable[bytes] | None]] = deque()
            try:
                for place in range(len(keys) + AHEAD):
                    if place < len(keys):
                        ahead.append(threads.submit(self._content, keys[place]))
                    if place >= AHEAD - 1 and ahead:
                        content = ahead.popleft().result()
                        if content is None and not lacking:
                            raise NotFoundError("an object of the lake is not there any more")
                        yield content or ()
            finally:
                for each in ahead:
                    each.cancel()

    def _content(self, key: str) -> Iterable[bytes] | None:
        """An object: whole if it is small, or chunk by chunk; None where there is none."""
        with aws_errors("reading the lake"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
            if found["ContentLength"] <= SMALL_BYTES:
                return [found["Body"].read()]
        return _chunks(found)


def _chunks(found: GetObjectOutputTypeDef) -> Iterator[bytes]:
    with aws_errors("reading the lake"):
        yield from found["Body"].iter_chunks(CHUNK)


def _lines(contents: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Contents one after the other; what does not end its last line is given an end."""
    for content in contents:
        last = b"\n"
        for piece in content:
            if piece:
                yield piece
                last = piece[-1:]
        if last != b"\n":
            yield b"\n"


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    gzip = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        yield gzip.compress(piece)
    yield gzip.flush()
