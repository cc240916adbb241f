"""The lake's bucket as whoever tidies it sees it, and a whole day of it compacted."""

from __future__ import annotations

import gzip

import boto3
import pytest
from fakes.clock import SetClock
from moto import mock_aws
from servery.adapters.lake_objects import LakeObjects
from servery.adapters.s3_lake_files import AHEAD, SMALL_BYTES, S3LakeFiles
from servery.domain.lake import day_prefix
from servery.errors import FaultError, UnavailableError
from servery.usecases.monitoring.compacting import compact

DAY = day_prefix("predictions", "iris", "2026-02-28")


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def files(s3):
    return S3LakeFiles(s3, "lake")


def content(s3, key: str) -> bytes:
    return gzip.decompress(s3.get_object(Bucket="lake", Key=key)["Body"].read())


@pytest.mark.parametrize("count", [1, AHEAD - 1, AHEAD, 3 * AHEAD + 1])
def test_lines_are_in_order_when_objects_are_joined(s3, files, count):
    keys = [f"{DAY}{number:03d}" for number in range(count)]
    for number, key in enumerate(keys):
        end = "\n" if number % 2 else ""
        files.put(key, f"{number}{end}".encode())
    assert files.join("joined.gz", keys, lacking=False)
    assert content(s3, "joined.gz").split() == [b"%d" % number for number in range(count)]


def test_large_objects_are_joined_whole(s3, files):
    large = b"x" * 1023 + b"\n"
    files.put("a", large * (2 * SMALL_BYTES // 1024))
    files.put("b", b"end\n")
    assert files.join("joined.gz", ["a", "b"], lacking=False)
    assert content(s3, "joined.gz") == large * (2 * SMALL_BYTES // 1024) + b"end\n"


def test_nothing_is_written_when_a_source_lacks(s3, files):
    files.put("a", b"1\n")
    assert not files.join("joined.gz", ["a", "gone"], lacking=False)
    assert files.read("joined.gz") is None
    assert files.join("joined.gz", ["gone", "a"], lacking=True)
    assert content(s3, "joined.gz") == b"1\n"


def test_the_first_one_holds_when_two_write_the_same_plan(files):
    assert files.put_new("plan", b"first")
    assert not files.put_new("plan", b"second")
    assert files.read("plan") == b"first"


def test_folders_and_sizes_are_those_of_the_bucket(files):
    files.put(f"{DAY}a", b"12")
    files.put("predictions/model=wine/day=2026-02-28/b", b"1")
    assert files.folders("predictions/") == ["predictions/model=iris/", "predictions/model=wine/"]
    assert files.folders("predictions/model=iris/") == [DAY]
    assert files.sizes(DAY) == {f"{DAY}a": 2}
    files.delete([f"{DAY}a", f"{DAY}never"])
    assert files.sizes(DAY) == {}


@pytest.mark.parametrize(
    ("code", "error"), [("SlowDown", UnavailableError), ("AccessDenied", FaultError)]
)
def test_it_is_told_when_an_object_could_not_be_deleted(s3, files, monkeypatch, code, error):
    refusal = {"Errors": [{"Key": f"{DAY}a", "Code": code, "Message": "no"}]}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: refusal)
    with pytest.raises(error, match=f"could not be deleted: .*{code}"):
        files.delete([f"{DAY}a"])


@pytest.mark.slow
def test_all_lines_are_there_once_when_a_day_is_compacted(s3, files):
    for number in range(1100):
        files.put(f"{DAY}{number:04d}", b'{"n": %d}\n' % number)
    done = compact(files, SetClock(), days=7, today=False, seconds=lambda: 900.0)
    assert (done.joined, done.made) == (1100, 1)
    lines = list(LakeObjects(s3, "lake").days("predictions", "iris", ["2026-02-28"]))
    assert lines == [b'{"n": %d}' % number for number in range(1100)]
    assert len([key for key in files.sizes(DAY) if "/_" not in key]) == 1
