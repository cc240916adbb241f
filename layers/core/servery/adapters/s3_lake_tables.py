"""The lake's lines by table, model and day, out of S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from servery.adapters.aws_errors import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LITERAL = "model=!{"
"""How the prefix begins where the cloud's Firehose takes it as it is written."""
_CHUNK = 256 * 1024


class _Line(msgspec.Struct, frozen=True):
    """What every line says of itself."""

    model: str = ""
    day: str = ""


class S3LakeTables:
    """Reads the lake; nothing of it is held whole.

    Args:
        client: Client of S3.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._about = msgspec.json.Decoder(_Line).decode

    def lines(self, table: str, model: str, day: str) -> Iterator[bytes]:
        """The JSON lines of a model and a day, in no order; none where there are none."""
        yield from self._under(f"{table}/model={model}/day={day}/")
        wanted = _Line(model=model, day=day)
        for line in self._under(f"{table}/{_LITERAL}"):
            if self._about(line) == wanted:
                yield line

    def _under(self, prefix: str) -> Iterator[bytes]:
        with aws_errors("reading the lake"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    body = self._client.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"]
                    yield from (line for line in body.iter_lines(chunk_size=_CHUNK) if line.strip())
