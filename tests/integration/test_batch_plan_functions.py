"""Plan, Unpack and Pack as Lambda runs them, with the settings that the template gives each."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys

import boto3
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.moto_aws import moto_account
from fakes.planning import PlanningDesk, csv_of
from fakes.signatures import FLOWERS
from fakes.template import ROOT, create_table, template
from moto import mock_aws
from servery.adapters.dynamodb_batches import DynamoDbBatches
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.adapters.s3_files import S3Files
from servery.adapters.s3_object_store import S3ObjectStore
from servery.domain.batches import BatchState
from servery.domain.chunks import Chunk, Layout
from servery.errors import RejectedError
from servery.wiring import aws as shared
from servery.wiring import batch as wiring
from servery.wiring.settings import SystemClock

NAMES = {
    "ARTIFACTS_BUCKET": "artifacts",
    "EXCHANGE_BUCKET": "exchange",
    "JOBS_TABLE": "jobs",
    "REGISTRY_TABLE": "registry",
    "POWERTOOLS_SERVICE_NAME": "batch",
}


def forget() -> None:
    for module in (wiring, shared):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def aws(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in ("artifacts", "exchange"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="exchange", VersioningConfiguration={"Status": "Enabled"})
        for logical_id, name in (("RegistryTable", "registry"), ("JobsTable", "jobs")):
            create_table(boto3.client("dynamodb"), logical_id, name)
        yield s3
    forget()


@pytest.fixture
def desk(aws):
    dynamodb = boto3.client("dynamodb")
    return PlanningDesk(
        files=S3Files(aws, "exchange"),
        store=DynamoDbBatches(dynamodb, "jobs"),
        registry=DynamoDbRegistry(dynamodb, "registry", SystemClock()),
        objects=S3ObjectStore(aws, "artifacts"),
    )


@pytest.fixture
def run(monkeypatch, aws):
    """Run a function, with the variables that it has and no others."""

    def runs(verb, event):
        forget()
        given = template()["Resources"][f"Batch{verb.capitalize()}Function"]["Properties"]
        variables = given["Environment"]["Variables"]
        for name, value in NAMES.items():
            if name in variables:
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(name, raising=False)
        path = ROOT / "functions" / "batch" / f"{verb}.py"
        spec = importlib.util.spec_from_file_location(f"batch_{verb}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.handler(event, None)

    return runs


def drop(desk, s3, name, content, **options):
    s3.put_object(Bucket="exchange", Key=f"inbox/iris/{name}", Body=content)
    return desk.batch_of(desk.files.stat("exchange", f"inbox/iris/{name}"), **options)


def test_csv_is_planned_when_it_was_dropped(desk, aws, run):
    batch = drop(desk, aws, "f.csv", csv_of(1_000_000))

    planned = run("plan", {"batch": batch.id, "run": 1})

    assert (planned["count"], planned["unpack"], planned["pack"]) == (2, False, False)
    assert planned["server"] == "predictor:1"
    chunks = msgspec.json.decode(desk.files.load(planned["chunks"]["key"]), type=list[Chunk])
    assert {chunk.version_id for chunk in chunks} == {batch.source.version_id}
    running = desk.store.get(batch.id)
    assert (running.state, running.chunks) == (BatchState.RUNNING, 2)
    json.dumps(planned)

    assert run("plan", {"batch": batch.id, "run": 1, "exact": True})["count"] == 2
    assert msgspec.json.decode(desk.files.load(planned["layout"]), type=Layout).exact


def test_rejection_has_the_name_that_the_state_machine_knows_when_a_header_is_wrong(desk, aws, run):
    batch = drop(desk, aws, "f.csv", b"a,b\n1,2\n")

    with pytest.raises(RejectedError, match="missing: 'sepal_length'") as refused:
        run("plan", {"batch": batch.id, "run": 1})
    assert type(refused.value) is RejectedError


def test_parquet_comes_out_when_parquet_came_in(desk, aws, run):
    sink = io.BytesIO()
    columns = {field.name: [1.5, 2.5, None] for field in FLOWERS.inputs} | {"no": [7, 8, 9]}
    pq.write_table(pa.table(columns), sink)
    batch = drop(desk, aws, "f.parquet", sink.getvalue(), id_columns=["no"])

    planned = run("plan", {"batch": batch.id, "run": 1})
    (chunk,) = json.loads(desk.files.load(planned["chunks"]["key"]))
    common = {"batch": planned["batch"], "layout": planned["layout"]}
    staged = run("unpack", common | {"chunk": chunk})
    predicted = b"row,prediction,probability_setosa\n0,setosa,1.0\n1,setosa,0.25\n"
    desk.files.put(f"batches/{batch.id}/predicted/00000.csv", predicted)
    result = {"name": "00000", "state": "done", "rows_in": 3, "rows_out": 2, "rows_rejected": 1}
    packed = run("pack", common | {"chunk": staged, "result": result})

    assert staged["key"] == f"batches/{batch.id}/staged/00000.csv"
    rows = desk.files.load(staged["key"])
    assert rows == b"1.5,1.5,1.5,1.5,0\n2.5,2.5,2.5,2.5,1\n,,,,2\n"
    assert (staged["version_id"], staged["start"], staged["end"]) == ("", 0, len(rows))
    part = desk.files.load(f"outbox/iris/{batch.id}/part-00000.parquet")
    assert packed["bytes"] == len(part)
    assert packed["rows_rejected"] == 1
    assert pq.read_table(io.BytesIO(part)).to_pydict() == {
        "no": [7, 8],
        "prediction": ["setosa", "setosa"],
        "probability_setosa": [1.0, 0.25],
    }


def test_pyarrow_is_not_imported_when_a_plan_is_loaded():
    code = (
        "import sys; from servery.usecases.batch import plan, unpack, pack; "
        "from servery.wiring import batch; from servery.adapters import gzip_stream, s3_files; "
        "sys.exit('pyarrow' in sys.modules or 'numpy' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT / "layers" / "core"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)

    assert done.returncode == 0
