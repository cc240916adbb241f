"""Files: the fake and S3 keep the same promises; what only S3 can do wrong is told as ours."""

from __future__ import annotations

import io
import os

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from fakes.batches import MemoryFiles
from fakes.moto_aws import moto_account
from moto import mock_aws
from servery.adapters.s3_files import S3Files
from servery.adapters.s3_parts import PART
from servery.domain.batches import Source
from servery.errors import (
    ArtifactError,
    ConflictError,
    FaultError,
    InvalidInputError,
    NotFoundError,
    ThrottledError,
    UnavailableError,
)
from servery.ports import Files


@pytest.fixture
def credentials(monkeypatch):
    moto_account(monkeypatch)


@pytest.fixture
def client(credentials):
    return boto3.client(
        "s3", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1})
    )


class S3World:
    """What callers do to buckets of S3."""

    def __init__(self, *, versioned: bool) -> None:
        self.client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("exchange", "other"):
            self.client.create_bucket(Bucket=bucket)
            if versioned:
                self.client.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
                )
        self.files = S3Files(self.client, "exchange")

    def drop(self, key, content, metadata=None, bucket="exchange"):
        self.client.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata or {})
        return self.files.stat(bucket, key)

    def remove(self, key, bucket="exchange"):
        versions = self.client.list_object_versions(Bucket=bucket, Prefix=key)
        for version in versions.get("Versions", []):
            self.client.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        self.client.delete_object(Bucket=bucket, Key=key)


class MemoryWorld:
    """The same for the fake."""

    def __init__(self, *, versioned: bool) -> None:
        self.files = MemoryFiles(versioned=versioned)

    def drop(self, key, content, metadata=None, bucket="exchange"):
        return self.files.drop(key, content, metadata, bucket=bucket)

    def remove(self, key, bucket="exchange"):
        self.files.remove(key, bucket=bucket)


def world_of(kind, *, versioned):
    return (MemoryWorld if kind == "memory" else S3World)(versioned=versioned)


@pytest.fixture(params=["memory", "s3"])
def kind(request, credentials):
    if request.param == "memory":
        yield "memory"
        return
    with mock_aws():
        yield "s3"


@pytest.fixture
def world(kind):
    return world_of(kind, versioned=True)


def test_it_fits_the_port_when_files_are_asked_for(world):
    port: Files = world.files
    assert list(port.list("exchange", "")) == []


def test_file_is_told_as_it_is_when_it_was_dropped(world):
    dropped = world.drop("inbox/iris/a b+ü.csv", b"12345", {"servery-output": "csv"}, "other")

    source = world.files.stat("other", "inbox/iris/a b+ü.csv")

    assert source == dropped
    assert (source.bucket, source.size) == ("other", 5)
    assert source.version_id
    assert '"' not in source.etag
    assert world.files.metadata(source) == {"servery-output": "csv"}


@pytest.mark.parametrize(("bucket", "key"), [("exchange", "none"), ("no-such-bucket", "a")])
def test_file_is_not_found_when_there_is_none(world, bucket, key):
    with pytest.raises(NotFoundError):
        world.files.stat(bucket, key)


def test_old_version_is_read_when_a_newer_one_was_dropped(world):
    old = world.drop("inbox/a", b"0123456789", {"n": "1"})
    new = world.drop("inbox/a", b"abc", {"n": "2"})

    assert world.files.read(old, 2, 5) == b"234"
    assert world.files.read(new, 0, 3) == b"abc"
    assert world.files.metadata(old) == {"n": "1"}
    with world.files.stream(old) as stream:
        assert stream.read(4) == b"0123"
        assert stream.read() == b"456789"


@pytest.mark.parametrize(("start", "end"), [(3, 3), (5, 9), (9, 12)])
def test_only_what_there_is_comes_back_when_more_is_asked_for(world, start, end):
    source = world.drop("inbox/a", b"01234")
    assert world.files.read(source, start, end) == b"01234"[start:end]


def test_reading_says_so_when_the_version_is_gone(world):
    source = world.drop("inbox/a", b"0123456789")
    world.remove("inbox/a")

    for asked in (
        lambda: world.files.read(source, 0, 5),
        lambda: world.files.metadata(source),
        lambda: world.files.stream(source).read(),
    ):
        with pytest.raises(ConflictError, match="no longer what it was when the batch began"):
            asked()


@pytest.mark.parametrize("content", [b"replaced!!", b"x"])
def test_reading_says_so_when_it_was_replaced_and_there_are_no_versions(kind, content):
    world = world_of(kind, versioned=False)
    source = world.drop("inbox/a", b"0123456789")
    assert source.version_id == ""
    world.drop("inbox/a", content)

    with pytest.raises(ConflictError):
        world.files.read(source, 0, 5)


def test_files_are_listed_by_key_when_they_have_the_prefix(world):
    for key in ("day=2/b", "day=1/b", "day=1/a", "other"):
        world.drop(key, key.encode())

    listed = list(world.files.list("exchange", "day="))

    assert [source.key for source in listed] == ["day=1/a", "day=1/b", "day=2/b"]
    assert {source.version_id for source in listed} == {""}
    assert world.files.read(listed[0], 0, 9) == b"day=1/a"


def test_written_file_comes_back_when_it_is_loaded(world):
    world.files.put("batches/x/layout.json", b"{}")

    assert world.files.load("batches/x/layout.json") == b"{}"
    assert world.files.exists("batches/x/layout.json")
    assert not world.files.exists("batches/x")
    with pytest.raises(ArtifactError, match="batches/y is missing"):
        world.files.load("batches/y")


@pytest.mark.parametrize("pieces", [[], [b"a", b"", b"bc"], [b"x" * 3_000_000] * 7])
def test_pieces_are_one_file_when_written_one_by_one(world, pieces):
    size = world.files.put_all("outbox/r.csv", iter(pieces))

    assert size == len(b"".join(pieces))
    assert world.files.load("outbox/r.csv") == b"".join(pieces)


def test_nothing_is_there_when_the_pieces_break_off(world):
    def pieces():
        yield b"x" * (PART + 1)
        raise ConflictError("gone")

    with pytest.raises(ConflictError, match="gone"):
        world.files.put_all("outbox/r.csv", pieces())

    assert not world.files.exists("outbox/r.csv")
    if isinstance(world, S3World):
        assert "Uploads" not in world.client.list_multipart_uploads(Bucket="exchange")


def test_files_are_gone_when_deleted_although_some_were_not_there(world):
    keys = [f"batches/x/{number:04}" for number in range(1003)]
    world.files.put(keys[0], b"")
    world.files.put(keys[-1], b"")

    world.files.delete(iter(keys))
    world.files.delete([])

    assert not world.files.exists(keys[0])
    assert not world.files.exists(keys[-1])


def test_stream_can_be_searched_when_it_comes_from_s3(credentials):
    with mock_aws():
        world = S3World(versioned=True)
        content = os.urandom(100_000)
        with world.files.stream(world.drop("inbox/a", content)) as stream:
            stream.seek(-10, io.SEEK_END)
            assert stream.read(4) == content[-10:-6]
            stream.seek(500)
            stream.seek(5, io.SEEK_CUR)
            assert stream.tell() == 505
            assert stream.read(3) == content[505:508]


def test_version_is_left_out_when_the_bucket_kept_none_before(client):
    with Stubber(client) as stub:
        stub.add_response(
            "head_object", {"ETag": '"e"', "ContentLength": 3, "VersionId": "null", "Metadata": {}}
        )
        assert S3Files(client, "exchange").stat("exchange", "a").version_id == ""


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("PreconditionFailed", 412, ConflictError),
        ("NoSuchVersion", 404, ConflictError),
        ("MethodNotAllowed", 405, ConflictError),
        ("InvalidRange", 416, ConflictError),
        ("AccessDenied", 403, FaultError),
        ("SlowDown", 503, ThrottledError),
        ("InternalError", 500, UnavailableError),
    ],
)
def test_error_says_what_to_do_when_s3_refuses_to_read(client, code, status, error):
    source = Source(bucket="b", key="k", etag="e", size=10, version_id="v")
    with Stubber(client) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        with pytest.raises(error):
            S3Files(client, "exchange").read(source, 0, 5)


def test_listing_is_the_callers_mistake_when_the_bucket_is_not_there(client):
    with Stubber(client) as stub:
        stub.add_client_error("list_objects_v2", "NoSuchBucket", http_status_code=404)
        with pytest.raises(InvalidInputError):
            list(S3Files(client, "exchange").list("b", ""))


def test_deleting_fails_when_some_may_not_be_removed(client):
    with Stubber(client) as stub:
        stub.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})
        with pytest.raises(FaultError, match="a is not removed: AccessDenied"):
            S3Files(client, "exchange").delete(["a"])


def test_it_is_worth_another_try_when_s3_cannot_be_reached(credentials):
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=config
    )
    files = S3Files(client, "exchange")
    for call in (
        lambda: files.stat("exchange", "a"),
        lambda: files.put("a", b""),
        lambda: files.put_all("a", [b""]),
        lambda: files.delete(["a"]),
    ):
        with pytest.raises(UnavailableError):
            call()
