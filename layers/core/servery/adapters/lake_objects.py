"""Objects of the lake: read whole, and listed a day at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


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
        """The lines of an object, one after the other; none where there is no such object."""
        with aws_errors("reading the lake"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return
                raise
            yield from body.iter_lines(chunk_size=1024 * 1024)

    def newest(self, prefix: str) -> list[str]:
        """Keys under a prefix, the last written first."""
        with aws_errors("listing the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            found = [
                (entry["LastModified"], entry["Key"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for entry in page.get("Contents", [])
            ]
        return [key for _, key in sorted(found, reverse=True)]
