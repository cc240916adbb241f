"""The files of a chunk over plain HTTP: exactly the version that was pinned, or a clear error."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.s3_server import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    TOKEN,
    Answer,
    VersionedS3,
    gives,
    serving,
)
from servery.adapters.s3_chunk_files import S3ChunkFiles
from servery.adapters.s3_http import S3Http
from servery.adapters.sigv4 import Credentials
from servery.domain.chunks import Chunk
from servery.errors import ArtifactError, ConflictError, FaultError, RetryableError, ThrottledError

BUCKET = "exchange"
KEY = "inbox/iris/two words+ä.csv"
CONTENT = bytes(range(256)) * 8192  # 2 MB


def files(endpoint: str, secret: str = SECRET_KEY, timeout: float = 5) -> S3ChunkFiles:
    s3 = S3Http(
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, secret, TOKEN),
        clock=SetClock(),
        endpoint=endpoint,
        timeout=timeout,
    )
    return S3ChunkFiles(s3, BUCKET)


def a_chunk(version: str = "", etag: str = "", start: int = 0, end: int = 0) -> Chunk:
    return Chunk(
        name="00000",
        bucket=BUCKET,
        key=KEY,
        version_id=version,
        etag=etag,
        start=start,
        end=end,
    )


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_the_pinned_bytes_arrive_when_the_object_was_replaced(ignores_ranges: bool) -> None:
    s3 = VersionedS3(ignores_ranges=ignores_ranges)
    version, etag = s3.put(f"{BUCKET}/{KEY}", CONTENT)
    s3.put(f"{BUCKET}/{KEY}", b"others" * 10**6)
    with serving(s3) as (address, asked):
        source = files(address)
        for start, end in ((0, 5), (1_500_000, 1_500_007), (0, len(CONTENT))):
            chunk = a_chunk(version, etag, start, end)
            assert source.read(chunk) == CONTENT[start:end]
        assert len(asked) == 3


def test_the_batch_is_told_when_a_bucket_without_versions_has_another_object() -> None:
    s3 = VersionedS3()
    _, etag = s3.put(f"{BUCKET}/{KEY}", CONTENT)
    with serving(s3) as (address, asked):
        assert files(address).read(a_chunk("", etag, 3, 9)) == CONTENT[3:9]
        s3.put(f"{BUCKET}/{KEY}", b"others" * 10)
        with pytest.raises(ConflictError, match="no longer there as it was"):
            files(address).read(a_chunk("", etag, 3, 9))
        assert len(asked) == 2


def test_the_batch_is_told_when_the_pinned_version_is_gone() -> None:
    s3 = VersionedS3()
    version, etag = s3.put(f"{BUCKET}/{KEY}", CONTENT)
    s3.put(f"{BUCKET}/{KEY}", CONTENT)
    del s3.versions[f"{BUCKET}/{KEY}"][version]
    with serving(s3) as (address, _), pytest.raises(ConflictError):
        files(address).read(a_chunk(version, etag, 0, 9))


@pytest.mark.parametrize(
    "answer",
    [
        gives(206, b"abcd", etag='"other"'),
        gives(206, b"abc", etag='"mine"'),
        gives(200, b"abc", etag='"mine"'),
        gives(405),
        gives(416),
    ],
)
def test_the_batch_is_told_when_s3_gives_other_bytes(answer: Answer) -> None:
    with serving(answer) as (address, _), pytest.raises(ConflictError):
        files(address).read(a_chunk("v", "mine", 0, 4))


def test_a_staged_piece_arrives_whole_when_its_end_is_not_known() -> None:
    s3 = VersionedS3()
    s3.put(f"{BUCKET}/{KEY}", CONTENT)
    with serving(s3) as (address, _):
        assert files(address).read(a_chunk()) == CONTENT


def test_somebody_has_to_look_when_reading_or_writing_is_forbidden() -> None:
    s3 = VersionedS3()
    s3.put(f"{BUCKET}/{KEY}", CONTENT)
    s3.put(f"{BUCKET}/batches/b/layout.json", b"{}")
    with serving(s3) as (address, _):
        stranger = files(address, secret="another")
        with pytest.raises(FaultError, match="may not be read"):
            stranger.read(a_chunk())
        with pytest.raises(FaultError, match="may not write"):
            stranger.write(BUCKET, "outbox/part", b"")
        with pytest.raises(ArtifactError, match=r"layout\.json.*403 AccessDenied"):
            stranger.load("batches/b/layout.json")
    assert f"{BUCKET}/outbox/part" not in s3.versions


def test_somebody_has_to_look_when_s3_refuses_for_another_reason() -> None:
    answer = gives(400, b"<Error><Code>InvalidArgument</Code></Error>")
    with serving(answer) as (address, _), pytest.raises(FaultError, match="400 InvalidArgument"):
        files(address).read(a_chunk())


def test_what_is_written_can_be_loaded_when_it_is_in_the_exchange_bucket() -> None:
    with serving(VersionedS3()) as (address, _):
        store = files(address)
        store.write(BUCKET, "outbox/a b/part-00000.csv", CONTENT)
        store.write(BUCKET, "outbox/a b/part-00000.csv", b"")
        assert store.load("outbox/a b/part-00000.csv") == b""
        with pytest.raises(ArtifactError, match="404 NoSuchKey"):
            store.load("outbox/a b/part-00001.csv")


BUSY = gives(503, b"<Error><Code>SlowDown</Code></Error>")
PASSING = gives(400, b"<Error><Code>RequestTimeout</Code></Error>")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (BUSY, ThrottledError),
        (gives(429), ThrottledError),
        (gives(500), RetryableError),
        (gives(200, b"half", length=8), RetryableError),
        (gives(206, b"half", length=8), RetryableError),
        (PASSING, RetryableError),
    ],
)
def test_the_chunk_comes_again_when_s3_cannot_be_had(
    answer: Answer, error: type[RetryableError]
) -> None:
    with serving(answer) as (address, asked):
        with pytest.raises(error):
            files(address).read(a_chunk(end=8))
        with pytest.raises(error):
            files(address).load("batches/b/layout.json")
        assert len(asked) == 4


@pytest.mark.parametrize("answer", [BUSY, gives(500), PASSING])
def test_an_object_is_written_when_only_the_first_try_fails(answer: Answer) -> None:
    s3 = VersionedS3()
    with serving(answer, s3) as (address, _):
        files(address).write(BUCKET, "outbox/part", b"rows")
    assert s3.newest(f"{BUCKET}/outbox/part") == b"rows"
