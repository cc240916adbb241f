"""The lake's objects as readers get them: compressed or not, and each line once."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import boto3
import msgspec
import pytest
from moto import mock_aws
from servery.adapters.lake_objects import LakeObjects
from servery.adapters.s3_ahead import AHEAD
from servery.domain.lake import CompactionPlan, day_prefix, done_key, plan_key
from servery.errors import UnavailableError

DAY = day_prefix("predictions", "iris", "2026-03-01")
OUTPUT = f"{DAY}compacted-0a.json.gz"


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def put(s3):
    return lambda key, content: s3.put_object(Bucket="lake", Key=key, Body=content)


@pytest.fixture
def lake(s3):
    return LakeObjects(s3, "lake")


def plan(*sources: str) -> bytes:
    return msgspec.json.encode(CompactionPlan(outputs={OUTPUT: [DAY + name for name in sources]}))


def test_lines_are_inflated_when_the_object_is_compressed(put, lake):
    lines = [b'{"n": %d}' % n for n in range(50_000)]
    put(OUTPUT, gzip.compress(b"\n".join(lines[:9]) + b"\n") + gzip.compress(b"\n".join(lines[9:])))
    assert list(lake.lines(OUTPUT)) == lines


def test_each_line_is_there_once_when_sources_are_not_deleted_yet(put, lake):
    put(f"{DAY}a", b"1\n")
    put(f"{DAY}b", b"2\n")
    put(plan_key(DAY, 1), plan("a", "b"))
    assert sorted(lake.days("predictions", "iris", ["2026-03-01"])) == [b"1", b"2"]

    put(OUTPUT, gzip.compress(b"1\n2\n"))
    put(f"{DAY}late", b"3\n")
    assert sorted(lake.newest("predictions/model=iris/")) == [OUTPUT, f"{DAY}late"]
    assert sorted(lake.days("predictions", "iris", ["2026-03-01"])) == [b"1", b"2", b"3"]


def test_plans_are_not_read_when_they_are_carried_out(put, lake):
    put(OUTPUT, gzip.compress(b"1\n"))
    put(plan_key(DAY, 1), b"no plan any more")
    put(done_key(DAY, 1), b"")
    assert list(lake.days("predictions", "iris", ["2026-03-01"])) == [b"1"]


def test_it_is_said_to_be_read_again_when_lines_move_meanwhile(s3, put, lake):
    keys = [f"{DAY}{number:03d}" for number in range(3 * AHEAD)]
    for key in keys:
        put(key, b"1\n")
    found = lake.days("predictions", "iris", ["2026-03-01"])
    next(found)
    for key in keys:
        s3.delete_object(Bucket="lake", Key=key)
    with pytest.raises(UnavailableError, match="read again"):
        list(found)


def test_no_line_lacks_when_objects_move_between_two_pages_of_a_listing(s3, put, lake, monkeypatch):
    put(f"{DAY}a", b"1\n")
    put(f"{DAY}z", b"2\n")
    whole = s3.get_paginator

    def paged(name):
        found = whole(name)
        pages = found.paginate

        def moving(**asked):
            for place, page in enumerate(pages(**asked, PaginationConfig={"PageSize": 1})):
                if place == 1:
                    put(OUTPUT, gzip.compress(b"1\n2\n"))
                    put(plan_key(DAY, 1), plan("a", "z"))
                    s3.delete_object(Bucket="lake", Key=f"{DAY}z")
                yield page

        found.paginate = moving
        return found

    monkeypatch.setattr(s3, "get_paginator", paged)
    with pytest.raises(UnavailableError, match="moved"):
        list(lake.days("predictions", "iris", ["2026-03-01"]))


FORTNIGHT = [f"2026-03-{day:02d}" for day in range(14, 0, -1)]


class TestManyDays:
    @pytest.fixture
    def listed(self, s3):
        found = []
        s3.meta.events.register(
            "before-parameter-build.s3.ListObjectsV2",
            lambda params, **_: found.append(params["Prefix"]),
        )
        return found

    def test_those_of_which_there_is_nothing_are_not_listed(self, put, lake, listed):
        for day in ("2026-02-28", "2026-03-01", "2026-03-09", "2026-03-14", "2026-03-15"):
            put(f"{day_prefix('predictions', 'iris', day)}a", day.encode())
        put(f"{day_prefix('predictions', 'iris-2', '2026-03-02')}a", b"another model's")

        found = list(lake.days("predictions", "iris", FORTNIGHT))

        assert found == [b"2026-03-14", b"2026-03-09", b"2026-03-01"]
        assert len(listed) == 1 + 3 + 1  # the days, each of them, and what names no prefix

    def test_two_listings_say_so_when_there_is_nothing_at_all(self, lake, listed):
        assert list(lake.days("predictions", "iris", FORTNIGHT)) == []
        assert len(listed) == 2


class TestWindow:
    @pytest.fixture
    def now(self):
        return datetime.now(UTC)

    def test_objects_from_before_are_not_read_when_the_window_is_short(self, put, lake, now):
        today = day_prefix("labels", "iris", str(now.date()))
        put(f"{today}a", b"1\n2\n")
        assert list(lake.window("labels", "iris", now, now)) == [b"1", b"2"]
        later = now + timedelta(hours=1)
        assert list(lake.window("labels", "iris", later, later)) == []

    def test_days_are_all_read_when_the_window_goes_over_midnight(self, put, lake, now):
        for back in range(3):
            day = str((now - timedelta(days=back)).date())
            put(f"{day_prefix('labels', 'iris', day)}x", b"%d\n" % back)
        found = lake.window("labels", "iris", now - timedelta(days=1), now)
        assert list(found) == [b"0", b"1"]

    def test_each_line_is_there_once_when_its_object_becomes_another(self, put, lake, now):
        prefix = day_prefix("labels", "iris", str(now.date()))
        made = f"{prefix}compacted-0a.json.gz"
        for name in ("a", "b"):
            put(f"{prefix}{name}", b"%s\n" % name.encode())
        put(made, gzip.compress(b"a\nb\n"))
        outputs = {made: [f"{prefix}a", f"{prefix}b"]}
        put(plan_key(prefix, 1), msgspec.json.encode(CompactionPlan(outputs=outputs)))
        since = now - timedelta(minutes=1)
        assert list(lake.window("labels", "iris", since, now)) == [b"a", b"b"]

    def test_it_is_said_to_be_read_again_when_objects_go(self, s3, put, lake, now):
        prefix = day_prefix("labels", "iris", str(now.date()))
        keys = [f"{prefix}{number:03d}" for number in range(3 * AHEAD)]
        for key in keys:
            put(key, b"1\n")
        found = lake.window("labels", "iris", now, now)
        next(found)
        for key in keys:
            s3.delete_object(Bucket="lake", Key=key)
        with pytest.raises(UnavailableError, match="read again"):
            list(found)
