"""Artifacts over plain HTTP from a server that checks signatures, and from ones that misbehave."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler

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
    objects,
    serving,
)
from fakes.tiny_models import MemoryArtifacts, add_model
from msgspec.structs import replace
from servery.adapters.s3_artifact_source import S3ArtifactSource
from servery.adapters.s3_http import S3Http, address_of
from servery.adapters.sigv4 import Credentials
from servery.errors import ArtifactError, UnavailableError

BUCKET = "artifacts"
REF = add_model(MemoryArtifacts())


def source(
    endpoint: str, *, timeout: float = 5, most_bytes: int = 10**6, secret: str = SECRET_KEY
) -> S3ArtifactSource:
    s3 = s3_at(endpoint, timeout=timeout, most_bytes=most_bytes, secret=secret)
    return S3ArtifactSource(s3, BUCKET)


def s3_at(
    endpoint: str, *, timeout: float = 5, most_bytes: int = 10**6, secret: str = SECRET_KEY
) -> S3Http:
    return S3Http(
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, secret, TOKEN),
        clock=SetClock(),
        endpoint=endpoint,
        timeout=timeout,
        most_bytes=most_bytes,
    )


STORED = replace(REF, prefix="models/a b+c/1.0.0-1.1/tr0")  # needs quoting
FILES = {
    f"{BUCKET}/{STORED.prefix}/manifest.json": b"{}",
    f"{BUCKET}/{STORED.prefix}/model.onnx": b"\x00\xff" * 500,
}


def test_files_arrive_whole_when_they_are_there() -> None:
    with serving(objects(FILES)) as (address, _):
        artifacts = source(address)
        assert artifacts.read(STORED, "model.onnx") == b"\x00\xff" * 500
        assert artifacts.read(STORED, "manifest.json") == b"{}"


def test_nothing_arrives_when_the_secret_is_wrong() -> None:
    with serving(objects(FILES)) as (address, _), pytest.raises(ArtifactError, match="403"):
        source(address, secret="another").read(STORED, "model.onnx")


def test_the_sentence_names_the_file_when_it_is_not_there() -> None:
    with (
        serving(objects(FILES)) as (address, _),
        pytest.raises(ArtifactError, match=r"tr0/baseline\.json"),
    ):
        source(address).read(STORED, "baseline.json")


def test_a_file_is_refused_when_it_is_larger_than_the_bound() -> None:
    with serving(objects(FILES)) as (address, _):
        assert len(source(address, most_bytes=1000).read(STORED, "model.onnx")) == 1000
        with pytest.raises(ArtifactError, match="larger"):
            source(address, most_bytes=999).read(STORED, "model.onnx")


def test_s3_is_unavailable_when_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError):
            source(f"http://127.0.0.1:{port}").read(REF, "model.onnx")


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    "bad", [gives(500), gives(503), gives(429), hangs_up, gives(200, b"half", length=8)]
)
def test_a_file_is_read_when_only_the_first_try_fails(bad: Answer) -> None:
    with serving(bad, gives(200, b"whole")) as (address, asked):
        assert source(address).read(REF, "model.onnx") == b"whole"
        assert len(asked) == 2


@pytest.mark.parametrize("bad", [gives(500), hangs_up, gives(200, b"half", length=8)])
def test_s3_is_unavailable_when_the_second_try_fails_too(bad: Answer) -> None:
    with serving(bad) as (address, asked), pytest.raises(UnavailableError):
        source(address).read(REF, "model.onnx")
    assert len(asked) == 2


@pytest.mark.parametrize("status", [301, 400, 403, 404])
def test_nothing_is_tried_again_when_s3_refuses(status: int) -> None:
    with (
        serving(gives(status)) as (address, asked),
        pytest.raises(ArtifactError, match=str(status)),
    ):
        source(address).read(REF, "model.onnx")
    assert len(asked) == 1


def test_s3_is_unavailable_when_it_does_not_answer_in_time() -> None:
    release = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        release.wait(10)
        handler.close_connection = True

    with serving(silent) as (address, _):
        with pytest.raises(UnavailableError, match="Timeout"):
            source(address, timeout=0.05).read(REF, "model.onnx")
        release.set()


def test_china_is_asked_where_it_is_when_the_region_is_there() -> None:
    host = "plain.s3.cn-north-1.amazonaws.com.cn"
    assert address_of("plain", "cn-north-1") == (True, host, "/")


@pytest.mark.parametrize(
    ("bucket", "host", "root"),
    [
        ("plain", "plain.s3.eu-central-1.amazonaws.com", "/"),
        ("with.dots", "s3.eu-central-1.amazonaws.com", "/with.dots/"),
    ],
)
def test_aws_is_asked_over_tls_when_no_endpoint_is_given(bucket: str, host: str, root: str) -> None:
    assert address_of(bucket, REGION) == (True, host, root)


def test_an_object_arrives_when_the_kept_connections_were_closed_meanwhile() -> None:
    s3 = VersionedS3()
    s3.put(f"{BUCKET}/key", b"content")

    def last(handler: BaseHTTPRequestHandler) -> None:
        s3(handler)
        handler.close_connection = True

    with serving(last) as (address, _):
        reader = s3_at(address)
        for _ in range(3):
            assert reader.get(BUCKET, "key").content == b"content"
