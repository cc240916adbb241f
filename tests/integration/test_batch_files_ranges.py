"""Ranges of pinned versions from an S3 that heeds ranges, and from one that gives everything."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, VersionedS3, serving
from servery.adapters.s3_files import S3Files
from servery.domain.batches import Source
from servery.errors import ConflictError

CONTENT = bytes(range(256)) * 8192  # 2 MB


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_the_pinned_bytes_arrive_when_the_object_was_replaced(ignores_ranges: bool) -> None:
    s3 = VersionedS3(ignores_ranges=ignores_ranges)
    version, etag = s3.put("exchange/inbox/rows.csv", CONTENT)
    s3.put("exchange/inbox/rows.csv", b"others" * 10**6)
    with serving(s3) as (address, _):
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            aws_session_token=TOKEN,
            config=Config(s3={"addressing_style": "path"}),
        )
        files = S3Files(client, "exchange")
        source = Source(
            bucket="exchange",
            key="inbox/rows.csv",
            version_id=version,
            etag=etag,
            size=len(CONTENT),
        )
        for start, end in ((0, 5), (1_500_000, 1_500_007), (0, len(CONTENT))):
            assert files.read(source, start, end) == CONTENT[start:end]
        del s3.versions["exchange/inbox/rows.csv"][version]
        with pytest.raises(ConflictError):
            files.read(source, 0, 5)
