"""The object store: its fake and S3 keep the same promises."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from fakes.moto_aws import moto_account
from fakes.object_store import MemoryObjectStore
from moto import mock_aws
from servery.adapters.s3_object_store import S3ObjectStore
from servery.errors import (
    ArtifactError,
    FaultError,
    InvalidInputError,
    ThrottledError,
    UnavailableError,
)
from servery.ports import ObjectStore


@pytest.fixture
def credentials(monkeypatch):
    moto_account(monkeypatch)


@pytest.fixture
def client(credentials):
    return boto3.client(
        "s3", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1})
    )


@pytest.fixture(params=["memory", "s3"])
def store(request, credentials):
    if request.param == "memory":
        memory = MemoryObjectStore()
        memory.elsewhere["s3://other/a/b.csv"] = b"theirs"
        yield memory
        return
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="artifacts")
        client.create_bucket(Bucket="other")
        client.put_object(Bucket="other", Key="a/b.csv", Body=b"theirs")
        yield S3ObjectStore(client, "artifacts")


def test_it_fits_the_port(store):
    port: ObjectStore = store
    assert list(port.keys("")) == []


def test_content_comes_back_when_it_was_put(store):
    store.put("a/b", b"one")
    store.put("a/b", b"two")

    assert store.get("a/b") == b"two"
    assert store.exists("a/b")
    assert not store.exists("a")


def test_missing_artifact_is_an_error_of_ours_when_it_is_read(store):
    with pytest.raises(ArtifactError, match="a/b is missing"):
        store.get("a/b")
    with pytest.raises(ArtifactError, match="a/b is missing"):
        store.copy("a/b", "c")


def test_content_is_copied_when_asked(store):
    store.put("a", b"one")

    store.copy("a", "b")

    assert store.get("b") == b"one"


def test_keys_are_sorted_and_all_of_the_prefix_when_listed(store):
    for key in ("b/2", "b/10", "a", "b/1"):
        store.put(key, b"")

    assert list(store.keys("b/")) == ["b/1", "b/10", "b/2"]


def test_object_is_gone_when_deleted_even_twice(store):
    store.put("a", b"")

    store.delete("a")
    store.delete("a")

    assert not store.exists("a")


def test_data_is_fetched_when_any_bucket_has_it(store):
    store.put("raw/x", b"ours")

    assert store.fetch("s3://artifacts/raw/x") == b"ours"
    assert store.fetch("s3://other/a/b.csv") == b"theirs"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://artifacts/none",
        "s3://nobody-has-this/x",
        "s3://artifacts",
        "s3://artifacts/",
        "https://example.org/x",
        "file:///etc/passwd",
        "data/iris.csv",
        "s3://Not a Bucket!/x",
        "",
    ],
)
def test_address_is_the_callers_mistake_when_nothing_can_be_fetched(store, uri):
    with pytest.raises(InvalidInputError):
        store.fetch(uri)


@pytest.mark.slow
def test_everything_is_listed_when_there_are_more_keys_than_a_page(store):
    for number in range(1003):
        store.put(f"k/{number:04}", b"")

    assert len(list(store.keys("k/"))) == 1003


@pytest.mark.parametrize(
    ("code", "status", "get", "fetch"),
    [
        ("AccessDenied", 403, ArtifactError, InvalidInputError),
        ("NoSuchKey", 404, ArtifactError, InvalidInputError),
        ("NoSuchBucket", 404, FaultError, InvalidInputError),
        ("SlowDown", 503, ThrottledError, ThrottledError),
        ("InternalError", 500, UnavailableError, UnavailableError),
        ("ExpiredToken", 400, FaultError, FaultError),
    ],
)
def test_error_says_what_to_do_when_s3_refuses(client, code, status, get, fetch):
    store = S3ObjectStore(client, "artifacts")
    with Stubber(client) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        with pytest.raises(get):
            store.get("a")
        stub.add_client_error("get_object", code, http_status_code=status)
        with pytest.raises(fetch):
            store.fetch("s3://artifacts/a")


def test_writing_is_an_error_of_ours_when_it_is_not_allowed(client):
    with Stubber(client) as stub:
        stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        with pytest.raises(FaultError, match="AccessDenied"):
            S3ObjectStore(client, "artifacts").put("a", b"")


def test_it_is_worth_another_try_when_s3_cannot_be_reached(credentials):
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=config
    )
    with pytest.raises(UnavailableError):
        S3ObjectStore(client, "artifacts").get("a")
