"""Objects of S3 without boto3: what the object store promises, and what is left to boto3."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, VersionedS3, gives, serving
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lean_s3 import LeanS3
from servery.adapters.s3_object_store import S3ObjectStore
from servery.adapters.sigv4 import Credentials
from servery.adapters.standard_retries import StandardRetries
from servery.errors import ArtifactError, FaultError, ThrottledError, UnavailableError

KEY = "models/iris/v 1+ü.json"
SLOW_DOWN = gives(503, b"<Error><Code>SlowDown</Code><Message>no</Message></Error>")
FORBIDDEN = gives(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>")


class WallClock:
    """The time, which the server's signer reads from the request."""

    def now(self):
        return datetime.now(UTC)


class Boto3:
    """Notes what is left to it."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return lambda **asked: self.asked.append((name, asked)) or {}


@pytest.fixture
def boto3():
    return Boto3()


@pytest.fixture
def lean(boto3):
    def make(address, attempts=1, trace=""):
        return LeanS3(
            endpoint=address,
            region=REGION,
            credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY, TOKEN),
            connections=cache(KeptConnections),
            clock=WallClock(),
            connect_s=5,
            read_s=5,
            retries=StandardRetries(attempts, sleep=lambda seconds: None),
            rest=lambda: boto3,
            trace=lambda: trace,
        )

    return make


def test_object_is_read_when_it_was_written(lean):
    with serving(VersionedS3()) as (address, _):
        store = S3ObjectStore(lean(address), "artifacts")
        store.put(KEY, b"\x00\xff")

        assert (store.get(KEY), store.exists(KEY)) == (b"\x00\xff", True)
        assert store.stamp(f"s3://artifacts/{KEY}").endswith(" 2")


def test_object_is_missing_when_there_is_none(lean):
    with serving(VersionedS3()) as (address, _):
        store = S3ObjectStore(lean(address), "artifacts")

        assert not store.exists(KEY)
        with pytest.raises(ArtifactError, match="is missing"):
            store.get(KEY)


@pytest.mark.parametrize(
    "passing",
    [SLOW_DOWN, gives(500, b"<html>"), gives(200, b"half", length=9), gives(200, b"", length=5)],
)
def test_call_is_tried_again_when_the_fault_may_pass(lean, passing):
    with serving(passing, gives(200, b"whole")) as (address, asked):
        answer = lean(address, attempts=2).get_object(Bucket="artifacts", Key="a")

    assert answer["Body"].read() == b"whole"
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert asked == ["/artifacts/a"] * 2


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(SLOW_DOWN, ThrottledError), (gives(500), UnavailableError), (FORBIDDEN, FaultError)],
)
def test_error_says_what_to_do_when_s3_refuses(lean, refusal, error):
    with serving(refusal) as (address, _), pytest.raises(error):
        S3ObjectStore(lean(address, attempts=2), "artifacts").put("a", b"1")


def test_refusal_is_told_as_by_botocore_when_it_is_final(lean):
    with serving(SLOW_DOWN) as (address, _), pytest.raises(ClientError) as refused:
        lean(address).get_object(Bucket="artifacts", Key="a")

    assert refused.value.response["Error"] == {"Code": "SlowDown", "Message": "no"}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_closed_connection_is_raised_when_the_object_never_comes_whole(lean):
    with (
        serving(gives(200, b"half", length=9)) as (address, _),
        pytest.raises(ConnectionClosedError),
    ):
        lean(address, attempts=2).get_object(Bucket="artifacts", Key="a")


@pytest.mark.parametrize(
    "elsewhere", [gives(301), gives(400), gives(301, b"<Code>PermanentRedirect</Code>")]
)
def test_boto3_is_asked_when_the_bucket_is_in_another_region(lean, boto3, elsewhere):
    with serving(elsewhere) as (address, _):
        client = lean(address)
        client.get_object(Bucket="theirs", Key="a")
        client.put_object(Bucket="theirs", Key="a", Body=b"1")

    assert boto3.asked == [
        ("get_object", {"Bucket": "theirs", "Key": "a"}),
        ("put_object", {"Bucket": "theirs", "Key": "a", "Body": b"1"}),
    ]


@pytest.mark.parametrize("bucket", ["no bucket", "who@host", "a/b", "x", "host:1", "UPPER"])
def test_nothing_is_sent_when_no_bucket_can_have_the_name(lean, boto3, bucket):
    with serving(gives(200)) as (address, asked):
        lean(address).head_object(Bucket=bucket, Key="a")

    assert (asked, boto3.asked) == ([], [("head_object", {"Bucket": bucket, "Key": "a"})])


def test_boto3_is_asked_when_it_is_about_more_than_a_whole_object(lean, boto3):
    with serving(gives(200)) as (address, asked):
        client = lean(address)
        client.get_object(Bucket="artifacts", Key="a", Range="bytes=0-1")
        client.delete_object(Bucket="artifacts", Key="a")

    assert asked == []
    assert [name for name, _ in boto3.asked] == ["get_object", "delete_object"]


def test_trace_is_named_when_there_is_one(lean):
    sent = []

    def note(handler):
        sent.append(handler.headers["x-amzn-trace-id"])
        gives(200)(handler)

    with serving(note) as (address, _):
        lean(address, trace="Root=1-5;Sampled=1 ").get_object(Bucket="artifacts", Key="a")
        lean(address).get_object(Bucket="artifacts", Key="a")

    assert sent == ["Root=1-5;Sampled=1%20", None]
