"""The real handler in a process of its own, as Lambda starts it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.chunk_files import LAYOUT_KEY, a_layout
from fakes.s3_server import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    TOKEN,
    VersionedS3,
    gives,
    objects,
    serving,
)
from fakes.tiny_models import MemoryArtifacts, add_model
from servery.domain.chunks import Chunk
from servery.domain.digest import digest_bytes
from servery.domain.manifest import ModelRef, Runtime

ROOT = Path(__file__).parents[2]
ROW = {"width": 0.5, "kind": "a", "height": -1}
BEFORE = """
import json, sys
sys.path.insert(0, "functions/predictor")
import predict
events = json.load(sys.stdin)
def answer(event):
    try:
        return predict.handler(event, None)
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}
answers = [answer(event) for event in events]
print("\\n" + json.dumps({"answers": answers, "modules": sorted(sys.modules)}))
"""


def run(
    events: list[dict[str, Any]], environment: dict[str, str], path: Path | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answers of a fresh process, and the modules that it has imported."""
    places = [str(ROOT / "layers/core"), *([str(path)] if path else [])]
    done = subprocess.run(
        [sys.executable, "-c", BEFORE],
        input=json.dumps(events),
        env={"PATH": "", "PYTHONPATH": ":".join(places), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return result["answers"], result["modules"]


def event(verb: str, ref: ModelRef, **more: Any) -> dict[str, Any]:
    return {"verb": verb, "ref": msgspec.to_builtins(ref), "request_id": "r", **more}


def package(artifacts: MemoryArtifacts, ref: ModelRef, folder: Path) -> Path:
    """The package of model-in-image, as a layer brings it."""
    target = folder / "servery_model"
    target.mkdir()
    for name in ("manifest.json", ref.runtime.filename):
        (target / name).write_bytes(artifacts.files[f"{ref.prefix}/{name}"])
    return folder


def pinned(ref: ModelRef) -> dict[str, str]:
    return {
        "SERVERY_MODE": "image",
        "SERVERY_MODEL": ref.model,
        "SERVERY_RUNTIME": ref.runtime.value,
        "SERVERY_VERSION": ref.version,
        "SERVERY_TRAINING": ref.training,
        "SERVERY_DIGEST": ref.digest,
    }


@pytest.mark.parametrize("runtime", list(Runtime))
def test_image_answers_without_an_sdk_when_the_reference_is_its_own(
    runtime: Runtime, tmp_path: Path
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts, runtime=runtime)
    other = msgspec.structs.replace(ref, version="9.0.0-1.1")
    body = json.dumps({"records": [ROW]})
    answers, modules = run(
        [event("ready", ref), event("infer", ref, body=body), event("infer", other, body=body)],
        pinned(ref),
        package(artifacts, ref, tmp_path),
    )
    assert [answer["status"] for answer in answers] == [200, 200, 409]
    assert json.loads(answers[1]["body"])["predictions"][0]["model_version"] == ref.version
    strangers = {"boto3", "botocore", "sklearn" if runtime is Runtime.ONNX else "onnxruntime"}
    assert not strangers & set(modules)


def test_image_comes_up_and_says_why_not_when_its_model_was_changed(tmp_path: Path) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    folder = package(artifacts, ref, tmp_path)
    (folder / "servery_model/model.onnx").write_bytes(b"changed")
    answers, _ = run([event("ready", ref), event("infer", ref, body="{}")], pinned(ref), folder)
    assert [answer["status"] for answer in answers] == [503, 503]
    assert "recorded" in answers[0]["reason"]


def test_server_swaps_without_an_sdk_when_requests_name_a_new_model() -> None:
    artifacts = MemoryArtifacts()
    one, two = add_model(artifacts, "1.0.0-1.1"), add_model(artifacts, "2.0.0-1.1")
    lost = msgspec.structs.replace(two, version="3.0.0-1.1", prefix="models/shapes/lost")
    stored = {f"artifacts/{name}": content for name, content in artifacts.files.items()}
    body = json.dumps({"records": [ROW]})
    events = [event("infer", ref, body=body) for ref in (one, two, lost, one)]
    with serving(objects(stored)) as (address, _):
        answers, modules = run(
            [*events, event("infer", lost, body=body, exact=True)],
            {
                "SERVERY_MODE": "load",
                "SERVERY_MODEL": "shapes",
                "SERVERY_RUNTIME": "onnx",
                "ARTIFACTS_BUCKET": "artifacts",
                "AWS_ENDPOINT_URL_S3": address,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "AWS_SESSION_TOKEN": TOKEN,
            },
        )
    told = [(a["status"], a["model_version"], a["degraded"]) for a in answers]
    assert told == [
        (200, one.version, False),
        (200, two.version, False),
        (200, two.version, True),
        (200, one.version, False),
        (503, "", False),
    ]
    # The failed load was logged, and the logger brings a part of botocore along.
    assert not {"boto3", "sklearn"} & set(modules)


LATER = {
    "servery.adapters.chunk_rows",
    "servery.adapters.s3_chunk_files",
    "servery.adapters.s3_http",
    "servery.domain.batches",
    "servery.domain.rows",
    "servery.edge.predictor.chunk",
    "servery.edge.predictor.many",
    "servery.edge.steps",
    "servery.usecases.predictor.chunk",
    "servery.usecases.predictor.many",
}


def test_nothing_of_batches_is_imported_when_only_requests_are_answered(tmp_path: Path) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    folder = package(artifacts, ref, tmp_path)
    body = json.dumps({"records": [ROW]})
    answers, modules = run(
        [event("ready", ref), event("infer", ref, body=body)], pinned(ref), folder
    )
    assert [answer["status"] for answer in answers] == [200, 200]
    assert not LATER & set(modules)
    items = [{"request_id": "r", "body": body}]
    answers, modules = run([event("infer_many", ref, items=items)], pinned(ref), folder)
    assert answers[0]["items"][0]["status"] == 200
    assert LATER & set(modules) == {
        "servery.edge.predictor.many",
        "servery.usecases.predictor.many",
    }


def over_http(address: str) -> dict[str, str]:
    return {
        "EXCHANGE_BUCKET": "exchange",
        "ARTIFACTS_BUCKET": "artifacts",
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": TOKEN,
    }


LOADED = {"SERVERY_MODE": "load", "SERVERY_MODEL": "shapes", "SERVERY_RUNTIME": "onnx"}
LINES = b'id,width,kind,height\r\n1,0.5,a,-1\r\n"a,b",-2,b,0.25\r\n3,what,b,0\r\n4,1,c,3\r\n'
KEY = "inbox/shapes/rows of may.csv"


@pytest.mark.parametrize("mode", ["load", "image"])
def test_chunk_is_predicted_without_an_sdk_when_the_source_was_replaced(
    mode: str, tmp_path: Path
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    s3 = VersionedS3()
    for name, content in artifacts.files.items():
        s3.put(f"artifacts/{name}", content)
    layout = a_layout()
    s3.put(f"exchange/{LAYOUT_KEY}", msgspec.json.encode(layout))
    version, etag = s3.put(f"exchange/{KEY}", LINES)
    s3.put(f"exchange/{KEY}", b"other things")
    start, end = LINES.index(b"1,0.5"), len(LINES)
    chunk = Chunk(
        name="00007",
        bucket="exchange",
        key=KEY,
        version_id=version,
        etag=etag,
        start=start,
        end=end,
    )
    gone = msgspec.structs.replace(chunk, version_id="none")
    asked = [
        event("chunk", ref, layout=LAYOUT_KEY, chunk=msgspec.to_builtins(one))
        for one in (chunk, chunk, gone)
    ]
    records = [
        {"width": 0.5, "kind": "a", "height": -1},
        {"width": -2, "kind": "b", "height": 0.25},
        {"width": 1, "kind": "c", "height": 3},
    ]
    body = json.dumps({"records": records})
    image = mode == "image"
    with serving(s3) as (address, paths):
        (first, again, refused, direct), modules = run(
            [*asked, event("infer", ref, body=body)],
            {**over_http(address), **(pinned(ref) if image else LOADED)},
            package(artifacts, ref, tmp_path) if image else None,
        )
    assert refused["error"] == "RejectedError"
    assert "no longer there" in refused["message"]
    assert (first["state"], first["lines"]) == ("done", 4)
    assert (first["rows_in"], first["rows_out"], first["rows_rejected"]) == (4, 3, 1)
    part, same = s3.versions["exchange/outbox/shapes/b1/part-00007.csv"].values()
    assert part == same
    assert {**first, "model_ms": 0} == {**again, "model_ms": 0}
    assert (first["digest"], first["bytes"]) == (digest_bytes(part), len(part))
    rows = list(csv.DictReader(io.StringIO(part.decode())))
    assert [row["id"] for row in rows] == ["1", "a,b", "4"]
    predictions = json.loads(direct["body"], parse_float=str)["predictions"]
    assert [row["prediction"] for row in rows] == [one["class"] for one in predictions]
    assert [(row["probability_big"], row["probability_small"]) for row in rows] == [
        (one["probabilities"]["big"], one["probabilities"]["small"]) for one in predictions
    ]
    (piece, _) = s3.versions["exchange/batches/b1/rejects/00007.jsonl"].values()
    assert [json.loads(line) for line in piece.splitlines()] == [
        {"line": 3, "column": "width", "reason": "wrong_type"}
    ]
    assert sum("layout.json" in path for path in paths) == 1
    assert "boto3" not in modules


def test_chunk_is_told_by_branch_when_something_is_wrong(tmp_path: Path) -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    folder = package(artifacts, ref, tmp_path)
    s3 = VersionedS3(forbidden={f"exchange/{KEY}"})
    s3.put(f"exchange/{LAYOUT_KEY}", msgspec.json.encode(a_layout()))
    busy = VersionedS3(s3.versions)
    chunk = {"name": "00000", "bucket": "exchange", "key": KEY, "end": 9}
    asked = [event("chunk", ref, layout=LAYOUT_KEY, chunk=chunk)]
    with serving(s3) as (address, _):
        (answer,), _ = run(asked, {**over_http(address), **pinned(ref)}, folder)
    assert answer["error"] == "FaultError"
    with serving(busy, gives(503)) as (address, _):
        (answer,), _ = run(asked, {**over_http(address), **pinned(ref)}, folder)
    assert answer["error"] == "RetryableError"
    (answer,), _ = run(asked, pinned(ref), folder)
    assert answer["error"] == "FaultError"
    assert "EXCHANGE_BUCKET" in answer["message"] or "AWS_" in answer["message"]


def test_unpublished_function_answers_nobody_when_it_has_no_settings() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    answers, _ = run([event("infer", ref, body="{}"), event("ready", ref)], {})
    assert [answer["status"] for answer in answers] == [500, 503]
