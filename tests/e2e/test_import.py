"""Models that were trained elsewhere: imported, released and asked; or refused unopened."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import Stack, wait_until
from foreign_model import COLUMNS

SCRIPT = Path(__file__).with_name("foreign_model.py")
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
SAID = ["--owner", "tests", "--unit", "cm", "--unit", "species=1", "--target", "species"]
PRODUCTION = ["--production-metric", "share of flowers that were named right"]


class Poison:
    """Writes a file as soon as somebody unpickles it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.trace, "opened"))


def made(form: str, folder: Path) -> tuple[Path, Path, list[str]]:
    """A model file, its sample, and what the model answers, out of another program."""
    model, sample = folder / f"model.{form}", folder / "sample.csv"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), form, str(model), str(sample)],
        capture_output=True,
        text=True,
        check=True,
    )
    return model, sample, done.stdout.strip().split(",")


def imported(stack: Stack, model: Path, sample: Path, *options: str) -> dict[str, Any]:
    """Import by the command line; whatever came of it."""
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    arguments = ["models", "import", str(model), "--name", name, "--sample", str(sample)]
    done = stack.run(*arguments, *SAID, *PRODUCTION, *options, "--json", check=False)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def released(stack: Stack, found: dict[str, Any]) -> str:
    assert found["outcome"] == "registered", found
    record = stack.release(found["model"], version=found["version"], training=found["training"])
    assert record["state"] == "succeeded", record
    return str(found["model"])


@pytest.mark.parametrize(
    ("form", "options", "origin", "runtimes"),
    [
        ("onnx", [], "import", {"onnx"}),
        pytest.param("skops", [], "import", {"onnx", "joblib"}, marks=pytest.mark.slow),
        pytest.param(
            "joblib", ["--i-trust-this-file"], "trusted-file", {"joblib"}, marks=pytest.mark.slow
        ),
    ],
)
def test_foreign_model_answers_as_it_did_elsewhere_when_imported(
    stack, tmp_path, form, options, origin, runtimes
):
    model, sample, expected = made(form, tmp_path)

    found = imported(stack, model, sample, *options)
    name = released(stack, found)
    rows = [
        dict(zip(COLUMNS, values, strict=True))
        for values in ([5.1, 3.5, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4], [6.3, 3.3, 6.0, 2.5])
    ]
    answer = stack.infer(name, {"records": rows})

    assert answer.status_code == 200, answer.text
    assert [one["class"] for one in answer.json()["predictions"]] == expected
    assert found["runtime"] in runtimes
    assert found["metrics"]["accuracy"] > 0.9
    versions = stack.json("models", name)["versions"]
    assert {version["origin"] for version in versions} == {origin}


@pytest.mark.slow
def test_rows_outside_the_sample_are_refused_when_the_signature_was_taken_from_it(stack, tmp_path):
    model, sample, _ = made("onnx", tmp_path)
    name = released(stack, imported(stack, model, sample, "--range", "sepal_width=0:10"))

    fine = stack.infer(name, {"records": [{**ROW, "sepal_width": 9.0}]})
    far = stack.infer(name, {"records": [{**ROW, "petal_length": 70.0}]})
    unknown = stack.infer(name, {"records": [{**ROW, "colour": "red"}]})

    assert fine.status_code == 200, fine.text
    assert far.status_code == 422
    assert "petal_length" in far.text
    assert unknown.status_code == 422


@pytest.mark.parametrize("suffix", ["onnx", "skops", "joblib"])
def test_poisoned_pickle_is_not_even_uploaded_when_the_command_is_given_it(stack, tmp_path, suffix):
    _, sample, _ = made("onnx", tmp_path)
    trace, poisoned = tmp_path / "trace", tmp_path / f"poisoned.{suffix}"
    poisoned.write_bytes(pickle.dumps(Poison(trace)))

    done = stack.run(
        *["models", "import", str(poisoned), "--name", "poisoned", "--sample", str(sample)],
        *SAID,
        check=False,
    )

    assert done.returncode == 1
    assert "was not opened" in " ".join((done.stdout + done.stderr).split())
    assert not trace.exists()
    assert stack.http.get("/models/poisoned").status_code == 404


def test_poisoned_pickle_is_refused_unopened_when_it_goes_past_the_command(stack, tmp_path):
    _, sample, _ = made("onnx", tmp_path)
    trace = tmp_path / "trace"
    content = pickle.dumps(Poison(trace))
    upload = _put(stack, content, sample.read_bytes())

    ended = _import_raw(stack, upload)

    assert ended["outcome"] == "refused"
    assert "was not opened" in ended["reasons"][0]
    assert not trace.exists()


@pytest.mark.slow
def test_pickle_stays_closed_when_a_later_step_is_called_with_it(stack, tmp_path):
    """The functions that open files look for themselves, whoever calls them."""
    _, sample, _ = made("onnx", tmp_path)
    trace = tmp_path / "trace"
    upload = _put(stack, pickle.dumps(Poison(trace)), sample.read_bytes())
    client = stack.client("lambda")
    event = {
        "training_id": "import_past-the-first-step",
        "spec": {"name": "poisoned", "owner": "tests"},
        "upload": upload,
        "inspected": {
            "format": "onnx",
            "columns": [],
            "labelled": False,
            "collect": {
                "dataset": "0" * 64,
                "source_uri": "",
                "source_digest": "",
                "read": 0,
                "rejected": 0,
            },
            "split": "0" * 64,
            "rows": 0,
        },
    }

    for verb in ("onnx", "skops", "joblib"):
        answer = client.invoke(
            FunctionName=f"{stack.status['stack']}-training-import-{verb}",
            Payload=json.dumps(event),
        )
        told = json.loads(answer["Payload"].read())
        assert told["errorType"] == "RejectedError", told

    assert not trace.exists()


def _put(stack: Stack, model: bytes, sample: bytes) -> dict[str, Any]:
    bucket = stack.status["outputs"]["ArtifactsBucketName"]
    upload = {"wishes": {"target": "species", "unit": "1"}}
    for name, content, filename in (("model", model, "model"), ("sample", sample, "sample.csv")):
        digest = hashlib.sha256(content).hexdigest()
        key = f"imports/{digest}/{filename}"
        stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        upload[name] = digest
    return upload


def _import_raw(stack: Stack, upload: dict[str, Any]) -> dict[str, Any]:
    """Start the state machine itself, past the checks of the command line."""
    states = stack.client("stepfunctions")
    name = f"import_poisoned-{uuid.uuid4().hex[:12]}"
    event = {
        "training_id": name,
        "origin": "test",
        "spec": {"name": "poisoned", "owner": "tests"},
        "upload": upload,
    }
    started = states.start_execution(
        stateMachineArn=stack.status["outputs"]["ModelImportStateMachineArn"],
        name=name,
        input=json.dumps(event),
    )

    def over() -> dict[str, Any] | None:
        found = states.describe_execution(executionArn=started["executionArn"])
        return found if found["status"] != "RUNNING" else None

    ended = wait_until(over, seconds=120, what="the import ends")
    return dict(json.loads(ended["output"]))
