"""Objects of the lake: read whole, listed, or line by line, whether they are compressed or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.gzip_stream import inflate
from servery.domain.lake import (
    GZIP,
    CompactionPlan,
    day_prefix,
    doubled,
    has_lines,
    open_plans,
)
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_CHUNK = 1024 * 1024
_read_plan = msgspec.json.Decoder(CompactionPlan).decode


class LakeObjects:
    """Reads objects of the lake; any number of threads may share it.

    Args:
        client: Client of S3.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """All bytes of an object; None where there is none.

        Raises:
            RetryableError: S3 did not give it.
            FaultError: it may not be read.
        """
        with aws_errors("reading the lake"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines of an object, one after the other; none where there is no such object.

        What ends in `.gz` is inflated on the way.
        """
        yield from self._lines(key) or ()

    def newest(self, prefix: str) -> list[str]:
        """Keys of the objects with lines under a prefix, the last written first.

        What is being made into larger objects is there once: as it was, or as what it became.
        """
        with aws_errors("listing the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            listed = [
                (entry["LastModified"], entry["Key"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for entry in page.get("Contents", [])
            ]
        twice = self._twice([key for _, key in listed])
        found = [each for each in listed if has_lines(each[1]) and each[1] not in twice]
        return [key for _, key in sorted(found, reverse=True)]

    def day(self, table: str, model: str, day: str) -> Iterator[bytes]:
        """The lines of a model and a day, each once, the objects written first before the others.

        Raises:
            UnavailableError: they were made into larger objects meanwhile; what was read is not
                all, and is read again.
        """
        for key in reversed(self.newest(day_prefix(table, model, day))):
            found = self._lines(key)
            if found is None:
                raise UnavailableError(f"the lines of {model} of {day} move; they are read again")
            yield from found

    def _lines(self, key: str) -> Iterator[bytes] | None:
        """The lines of an object; None where there is no such object."""
        with aws_errors("reading the lake"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
        if key.endswith(GZIP):
            return _split(inflate(body))  # type: ignore[arg-type]  # it reads and closes
        return _split(body.iter_chunks(_CHUNK))

    def _twice(self, keys: list[str]) -> set[str]:
        """Of listed keys, those whose lines are in another one too."""
        plans = {}
        for key in open_plans(keys):
            content = self.read(key)
            if content is not None:
                plans[key] = _read_plan(content)
        return doubled(keys, plans)


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of what comes in pieces; empty ones are none."""
    rest = b""
    with aws_errors("reading the lake"):
        for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, lines)
    if rest:
        yield rest
