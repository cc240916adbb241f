"""What reading the lake promises, held by fake and adapter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import msgspec
import pytest
from fakes.lake_log import MemoryLake
from fakes.moto_aws import moto_account
from moto import mock_aws
from servery.adapters.lake_objects import LakeObjects
from servery.domain.lake import PREDICTIONS, TABLES, day_prefix
from servery.ports import LakeTables

NOW = datetime.now(UTC)
TODAY, YESTERDAY, BEFORE = (str((NOW - timedelta(days=back)).date()) for back in range(3))
WRITTEN = "model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/"


@pytest.fixture(params=["memory", "s3"])
def kept(request, monkeypatch):
    """The lake, and what writes an object of lines."""
    if request.param == "memory":
        lake = MemoryLake()
        yield lake, lake.put
        return
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="lake")

        def put(key, *lines):
            body = b"".join(line + b"\n" for line in lines)
            client.put_object(Bucket="lake", Key=key, Body=body)

        yield LakeObjects(client, "lake"), put


@pytest.fixture
def lake(kept):
    found: LakeTables = kept[0]
    return found


@pytest.fixture
def put(kept):
    return kept[1]


def a_line(model="iris", day=TODAY, number=1):
    return msgspec.json.encode({"model": model, "day": day, "n": number})


def test_lines_are_those_of_the_days_in_their_order(lake, put):
    for day in (BEFORE, TODAY, YESTERDAY):
        put(f"{day_prefix(PREDICTIONS, 'iris', day)}a", a_line(day=day))
    put(f"{day_prefix(PREDICTIONS, 'iris-2', TODAY)}a", a_line("iris-2"))
    put(f"{day_prefix('labels', 'iris', TODAY)}a", a_line())
    found = list(lake.days(PREDICTIONS, "iris", [TODAY, YESTERDAY]))
    assert found == [a_line(), a_line(day=YESTERDAY)]


def test_days_of_a_window_come_the_last_one_first(lake, put):
    for day in (BEFORE, YESTERDAY, TODAY):
        put(f"{day_prefix(PREDICTIONS, 'iris', day)}a", a_line(day=day))
    found = list(lake.window(PREDICTIONS, "iris", NOW - timedelta(days=1), NOW))
    assert found == [a_line(), a_line(day=YESTERDAY)]


@pytest.mark.parametrize("table", TABLES)
def test_lines_are_found_when_the_cloud_takes_the_prefix_as_written(lake, put, table):
    mine, other = a_line(number=2), a_line("rocks")
    put(f"{table}/{WRITTEN}2026/03/01/00/a", other, mine, a_line(day=BEFORE))
    put(f"{day_prefix(table, 'iris', TODAY)}a", a_line())
    assert list(lake.days(table, "iris", [TODAY])) == [a_line(), mine]
    assert list(lake.window(table, "iris", NOW, NOW)) == [a_line(), mine]


def test_there_is_nothing_when_nothing_was_written(lake):
    assert list(lake.days(PREDICTIONS, "iris", [TODAY])) == []
    assert list(lake.window(PREDICTIONS, "iris", NOW, NOW)) == []
