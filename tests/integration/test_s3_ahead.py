"""Objects of S3 in their order, fetched before their turn."""

from __future__ import annotations

from contextlib import closing

import boto3
import pytest
from moto import mock_aws
from servery.adapters.s3_ahead import AHEAD, SMALL, in_turn
from servery.errors import FaultError

MANY = 5 * AHEAD


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


def put(s3, contents):
    for number, content in enumerate(contents):
        s3.put_object(Bucket="lake", Key=f"{number:03d}", Body=content)
    return [f"{number:03d}" for number in range(len(contents))]


def read(s3, keys, bucket="lake"):
    return [None if body is None else body.read() for body in in_turn(s3, bucket, keys)]


def test_objects_come_in_their_order_when_they_are_of_all_sizes(s3):
    sizes = (0, 1, SMALL, SMALL + 1, 3 * SMALL)
    contents = [bytes([65 + n % 26]) * sizes[n % len(sizes)] for n in range(MANY)]

    assert read(s3, put(s3, contents)) == contents


def test_others_come_when_one_is_gone(s3):
    keys = put(s3, [b"a", b"b"])

    assert read(s3, [keys[0], "gone", keys[1]]) == [b"a", None, b"b"]


def test_nothing_comes_when_nothing_is_asked_for(s3):
    assert read(s3, []) == []


def test_rest_is_left_when_nobody_wants_it(s3):
    asked = []
    get = s3.get_object
    s3.get_object = lambda **which: asked.append(which["Key"]) or get(**which)
    keys = put(s3, [b"x"] * MANY)

    with closing(in_turn(s3, "lake", keys)) as bodies:
        assert next(bodies).read() == b"x"

    assert len(asked) <= 2 * AHEAD + 1


def test_fault_is_raised_when_nothing_may_be_read(s3):
    with pytest.raises(FaultError):
        read(s3, ["a"], bucket="gone")
