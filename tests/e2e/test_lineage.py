"""The story of a version: from a served prediction back to the rows, and what changed since."""

from __future__ import annotations

import csv
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml
from conftest import Stack, wait_until
from servery.domain.columns import Values, digest_columns
from servery.domain.signature import Dtype

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture(scope="module")
def name() -> str:
    return f"story-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def first(stack: Stack, name: str) -> dict[str, Any]:
    """A model of irises, trained and released."""
    trained = stack.train(stack.spec("iris", name=name))
    assert trained["outcome"] == "registered", trained
    released = stack.release(name, version=trained["version"])
    assert released["state"] == "succeeded", released
    return {**trained, "released_as": released["released_as"]}


@pytest.fixture(scope="module")
def second(stack: Stack, name: str, first: dict[str, Any]) -> dict[str, Any]:
    """Another version of it: a wider range, another parameter."""
    spec = stack.spec("iris", name=name)
    spec["estimator"]["params"]["C"] = 3.0
    columns = spec["data"]["columns"]
    columns[0]["range"] = [columns[0]["range"][0], columns[0]["range"][1] + 1]
    trained = stack.train(spec)
    assert trained["outcome"] == "registered", trained
    return trained


def digest_of_rows(spec: dict[str, Any]) -> str:
    """The digest of the example's rows, computed here from its file."""
    with Path(spec["data"]["uri"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {}
    for column in spec["data"]["columns"]:
        cells = [row[column["name"]] for row in rows]
        dtype = Dtype(column["dtype"])
        text = dtype is Dtype.STRING
        values = np.array(cells, dtype=object) if text else np.array(cells, dtype=np.float64)
        columns[column["name"]] = Values(dtype, values, np.zeros(len(rows), dtype=np.bool_))
    return digest_columns(columns)


def test_a_served_prediction_leads_back_to_its_rows(stack, name, first, tmp_path):
    answer = stack.infer(name, {"records": [FLOWER]})
    assert answer.status_code == 200
    request_id = answer.headers["x-request-id"]

    def traced() -> dict[str, Any] | None:
        picture = str(tmp_path / "lineage.svg")
        asked = ("lineage", name, "--request", request_id, "--days", "2", "--svg", picture)
        done = stack.run(*asked, "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    story = wait_until(traced, seconds=90, what="the request is in the prediction log")

    assert story["request"]["request_id"] == request_id
    assert story["request"]["model_version"] == first["released_as"]
    spec = stack.spec("iris", name=name)
    assert story["data"]["dataset"] == digest_of_rows(spec)
    raw = hashlib.sha256(Path(spec["data"]["uri"]).read_bytes()).hexdigest()
    assert story["data"]["source_digest"] == raw
    assert story["training"]["training_id"] == first["training_id"]
    assert story["training"]["parameters"] == spec["estimator"]["params"]
    assert story["version"]["version"] == first["version"]
    assert [release["released_as"] for release in story["releases"]] == [first["released_as"]]
    assert [serving["role"] for serving in story["serving"]] == ["champion"]
    drawn = (tmp_path / "lineage.svg").read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own picture
    assert request_id[:8] in drawn
    assert "╭ data " in stack.run("lineage", name).stdout


def test_the_steps_are_told_when_a_version_is_traced(stack, name, first):
    story = stack.json("lineage", name, first["version"])

    steps = story["training"]["steps"]
    assert set(steps) == {"collect", "preprocess", "train", "export", "evaluate", "register"}
    assert {step["state"] for step in steps.values()} <= {"done", "skipped"}


def test_the_model_that_answers_is_the_registered_file(stack, name, first):
    version = stack.json("lineage", name)["version"]

    bucket = stack.status["outputs"]["ArtifactsBucketName"]
    key = f"{version['prefix']}/model.{'onnx' if version['runtime'] == 'onnx' else 'joblib'}"
    content = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert hashlib.sha256(content).hexdigest() == version["digest"]


@pytest.mark.slow
def test_the_same_rows_come_back_when_a_version_is_asked_for_them(stack, name, first, tmp_path):
    told = stack.json("data", name, first["version"], "--out", str(tmp_path / "rows"))

    rows: dict[str, list[list[str]]] = {}
    for part in ("train", "test"):
        with (tmp_path / "rows" / f"{part}.csv").open(newline="") as file:
            rows[part] = list(csv.reader(file))[1:]
    assert (told["train_rows"], told["test_rows"]) == (len(rows["train"]), len(rows["test"]))
    with Path(stack.spec("iris", name=name)["data"]["uri"]).open(newline="") as file:
        original = sorted([*map(_plain, list(csv.reader(file))[1:])])
    assert sorted(map(_plain, rows["train"] + rows["test"])) == original
    assert told["dataset"] == digest_of_rows(stack.spec("iris", name=name))


def test_nothing_comes_back_when_the_stored_rows_have_changed(stack, name, first, tmp_path):
    story = stack.json("lineage", name, first["version"])
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]
    train, test = (f"{story['split']['key']}{part}.npz" for part in ("train", "test"))
    content = s3.get_object(Bucket=bucket, Key=train)["Body"].read()
    other = s3.get_object(Bucket=bucket, Key=test)["Body"].read()
    s3.put_object(Bucket=bucket, Key=train, Body=other)
    try:
        done = stack.run(
            "data", name, first["version"], "--out", str(tmp_path / "rows"), check=False
        )
    finally:
        s3.put_object(Bucket=bucket, Key=train, Body=content)

    assert done.returncode == 1
    assert "train rows are not those" in done.stdout
    assert not (tmp_path / "rows").exists()


@pytest.mark.slow
def test_the_bump_says_why_when_the_signature_and_a_parameter_changed(stack, name, first, second):
    assert second["version"].startswith("0.2.0-")
    record = stack.http.get(f"/models/{name}/versions/{second['version']}").json()["version"]
    assert record["follows"] == first["version"]
    assert {change["bumps"] for change in record["changes"]} == {"Y", "Z"}
    assert "C is 3.0, was 10.0" in [change["said"] for change in record["changes"]]


@pytest.mark.slow
def test_two_versions_are_told_apart_in_words_and_figures(stack, name, first, second):
    diff = stack.json("diff", name, first["released_as"], second["version"])

    assert (diff["before"]["version"], diff["after"]["version"]) == (
        first["released_as"],
        second["version"],
    )
    assert diff["bumps"] == ["Y", "Z"]
    assert diff["same_rows"]
    accuracy = next(f for f in diff["metrics"] if f["name"] == "accuracy")
    assert accuracy["before"] == pytest.approx(first["metrics"]["accuracy"])
    assert accuracy["after"] == pytest.approx(second["metrics"]["accuracy"])
    assert {"name": "C", "before": 10.0, "after": 3.0} in diff["parameters"]
    shown = stack.run("diff", name, first["version"], second["version"]).stdout
    assert "C is 3.0, was 10.0" in shown


@pytest.mark.slow
def test_every_version_fits_and_all_is_in_its_place(stack, name, second):
    fit = stack.json("fit", name)
    assert all(version["ok"] for version in fit["versions"])
    assert len(fit["versions"]) >= 2
    assert stack.json("audit", name)["findings"] == []


@pytest.mark.slow
def test_an_artifact_of_somebody_else_is_found_and_kept(stack, name, first):
    s3, bucket = stack.client("s3"), stack.status["outputs"]["ArtifactsBucketName"]
    taken = f"models/{name}/{first['version']}/tr1/manifest.json"
    s3.put_object(Bucket=bucket, Key=taken, Body=b'{"made": "elsewhere"}')
    try:
        done = stack.run("audit", name, "--json", check=False)
        again = stack.train(stack.spec("iris", name=name))
        kept = s3.get_object(Bucket=bucket, Key=taken)["Body"].read()
    finally:
        s3.delete_object(Bucket=bucket, Key=taken)

    assert done.returncode == 1
    assert [finding["wrong"] for finding in json.loads(done.stdout)["findings"]] == ["foreign"]
    assert (again["version"], again["training"]) == (first["version"], "tr2")
    assert kept == b'{"made": "elsewhere"}'


@pytest.mark.slow
def test_an_experiment_is_kept_under_its_name_and_never_released(stack, name, first, tmp_path):
    spec = stack.spec("iris", name=name)
    spec["estimator"]["params"]["C"] = 0.5
    file = tmp_path / "softer.yaml"
    file.write_text(yaml.safe_dump(spec))

    trained = stack.json("train", str(file), "--experiment", "softer")

    assert (trained["version"], trained["training"]) == ("softer", "tr0")
    refused = stack.http.post(f"/models/{name}/releases", json={"version": "softer"})
    assert refused.status_code == 422
    assert "experiment" in refused.text
    diff = stack.json("diff", name, first["version"], "softer")
    assert [change["said"] for change in diff["changes"]] == ["C is 0.5, was 10.0"]


def _plain(row: list[str]) -> list[str]:
    """Numbers as numbers: 5 is 5.0."""
    return [cell if not cell.replace(".", "").isdigit() else str(float(cell)) for cell in row]
