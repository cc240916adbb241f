"""Lines of the lake of some time, out of the objects that were written since it began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_SLACK = timedelta(minutes=1)  # clocks that differ
_BLOCK = 1024 * 1024


class LakeWindow:
    """Reads a table of the lake a day at a time, the newest objects first.

    An object is written after its last line was made, so one that was written before a window began
    has nothing of it, and is not read.

    Args:
        client: Client of S3.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def lines(self, table: str, model: str, since: datetime, until: datetime) -> Iterator[bytes]:
        """Lines that may be of this time, those of the newest objects first.

        Args:
            table: predictions or labels.
            model: Name of the model.
            since: Begin of the window.
            until: End of it.

        Raises:
            RetryableError: S3 did not give them.
            FaultError: they may not be read.
        """
        day = until.date()
        while day >= since.date():
            prefix = f"{table}/model={model}/day={day.isoformat()}/"
            for key in self._written(prefix, since - _SLACK):
                yield from self._read(key)
            day -= timedelta(days=1)

    def _written(self, prefix: str, since: datetime) -> list[str]:
        """Keys of objects that were written since then, the last first."""
        with aws_errors("listing the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            found = [
                (entry["LastModified"], entry["Key"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for entry in page.get("Contents", [])
                if entry["LastModified"] >= since
            ]
        return [key for _, key in sorted(found, reverse=True)]

    def _read(self, key: str) -> Iterator[bytes]:
        with aws_errors("reading the lake"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return  # merged with others meanwhile, which are newer and come again
                raise
            yield from body.iter_lines(chunk_size=_BLOCK)
