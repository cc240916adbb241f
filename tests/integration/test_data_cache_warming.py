"""Warming through the real lake, the real table and files of Parquet, as the functions do."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.batches import MemoryFiles
from fakes.cache_plant import CachePlant
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS
from moto import mock_aws
from servery.adapters.gzip_stream import inflate
from servery.adapters.kept_manifests import KeptManifests
from servery.adapters.lake_objects import LakeObjects
from servery.adapters.parquet_row_groups import ParquetRowGroups
from servery.errors import FaultError
from servery.usecases.data_cache import CachedModels
from servery.usecases.data_cache.asked_before import logged
from servery.usecases.data_cache.batch_rows import BatchRows, FileReaders


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


def test_lines_come_newest_object_first_when_a_day_has_several(s3):
    lake = LakeObjects(s3, "lake")
    for name, statuses in (("b", [200, 500]), ("a", [200])):
        lines = [json.dumps({"status": s, "cache": name, "input": {"n": 1}}) for s in statuses]
        key = f"predictions/model=iris/day=2026-03-01/{name}"
        s3.put_object(Bucket="lake", Key=key, Body="\n".join(lines) + "\n")
    s3.put_object(Bucket="lake", Key="predictions/model=iris/day=2026-02-01/c", Body=b"")

    days = ["2026-03-01", "2026-02-28"]
    found = list(logged(lake, "iris", days))

    assert sorted(line.cache for line in found) == ["a", "b"]
    assert {line.body for line in found} == {b'{"n": 1}'}
    assert list(lake.lines("nothing")) == []
    assert lake.read("nothing") is None
    assert lake.newest("predictions/model=wine/") == []


def test_somebody_has_to_look_when_the_lake_is_gone(s3):
    with pytest.raises(FaultError):
        list(LakeObjects(s3, "gone").newest(""))
    with pytest.raises(FaultError):
        LakeObjects(s3, "gone").read("x")


def parquet(rows: list[dict[str, Any]], groups: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=max(1, len(rows) // groups))
    return sink.getvalue()


@pytest.mark.parametrize("groups", [1, 3])
def test_rows_are_those_of_the_file_when_it_is_parquet(groups):
    rows = [{"id": n, **FLOWER, "sepal_length": n / 10} for n in range(1, 31)]
    found = readings(FLOWERS, parquet(rows, groups))

    lengths = [value for reading in found for value in reading.columns["sepal_length"]]
    assert lengths == [n / 10 for n in range(1, 31)]


def test_each_kind_of_value_is_read_when_a_file_is_parquet():
    (reading,) = readings(GUESTS, parquet([{**GUEST, "more": 1}] * 2, 1))
    assert len(reading.rows) == 2
    assert reading.rows[0] == canonical(GUESTS, {"records": [GUEST]}).rows[0]


def canonical(signature: Any, body: Any) -> Any:
    plant = CachePlant(signature, None)
    model = CachedModels(KeptManifests(plant.objects)).of(plant.get("iris").champion.ref)
    return model.canonical.read(json.dumps(body).encode())


def readings(signature: Any, content: bytes) -> list[Any]:
    plant, files = CachePlant(signature, None), MemoryFiles()
    model = CachedModels(KeptManifests(plant.objects)).of(plant.get("iris").champion.ref)
    readers = FileReaders(files, inflate, lambda: ParquetRowGroups(files))
    return list(BatchRows(model, readers).readings(files.drop("inbox/iris/a.parquet", content)))
