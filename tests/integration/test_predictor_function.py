"""The real handler in a process of its own, as Lambda starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, objects, serving
from fakes.tiny_models import MemoryArtifacts, add_model
from servery.domain.manifest import ModelRef, Runtime

ROOT = Path(__file__).parents[2]
ROW = {"width": 0.5, "kind": "a", "height": -1}
BEFORE = """
import json, sys
sys.path.insert(0, "functions/predictor")
import predict
events = json.load(sys.stdin)
answers = [predict.handler(event, None) for event in events]
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


def test_unpublished_function_answers_nobody_when_it_has_no_settings() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    answers, _ = run([event("infer", ref, body="{}"), event("ready", ref)], {})
    assert [answer["status"] for answer in answers] == [500, 503]
