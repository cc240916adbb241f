"""The functions of training as Lambda runs them, on S3 and DynamoDB as the template has them."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import boto3
import pytest
from fakes.moto_aws import moto_account
from fakes.template import ROOT, create_table
from fakes.training import as_csv, flower_spec, flowers
from moto import mock_aws
from servery.domain.manifest import read_manifest
from servery.errors import RejectedError
from servery.wiring import training as wiring

STEPS = ("collect", "preprocess", "train", "export", "evaluate", "register")
CACHED = (
    "object_store",
    "registry",
    "datasets",
    "training_queue",
    "pipeline_queue",
    "training_code",
    "steps",
)


def _function(verb):
    path = ROOT / "functions" / "training" / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"training_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda event: module.handler(event, None)


@pytest.fixture
def aws(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "training")
    monkeypatch.setenv("ARTIFACTS_BUCKET", "artifacts")
    monkeypatch.setenv("REGISTRY_TABLE", "registry")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="artifacts")
        create_table(boto3.client("dynamodb"), "RegistryTable", "registry")
        states = boto3.client("stepfunctions")
        role = "arn:aws:iam::123456789012:role/states"
        for name in ("batch-training", "pipeline-training"):
            machine = states.create_state_machine(
                name=name,
                definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
                roleArn=role,
            )
            setting = f"{name.replace('-', '_').upper()}_ARN"
            monkeypatch.setenv(setting, machine["stateMachineArn"])
        _forget()
        yield
    _forget()


def _forget():
    for name in CACHED:
        getattr(wiring, name).cache_clear()


def _upload(content):
    boto3.client("s3").put_object(Bucket="artifacts", Key="raw/flower/x/data.csv", Body=content)


def _state(**changes):
    spec = flower_spec(**changes)
    spec["data"]["uri"] = "s3://artifacts/raw/flower/x/data.csv"
    return {"training_id": "flower-1", "origin": "cli", "spec": spec}


def test_model_is_registered_and_recorded_when_the_functions_run_in_order(aws, capsys):
    _upload(as_csv(flowers(60)))
    event = _state()
    state = dict(event)
    for verb in STEPS:
        state[verb] = json.loads(json.dumps(_function(verb)(state)))
    record = {"run": state, "started": "2026-03-01T12:00:00Z"}

    done = _function("record")(record)

    assert done["outcome"] == "registered"
    registry = wiring.registry()
    (version,) = registry.versions("flower")
    (training,) = registry.trainings("flower", version.version)
    assert done["version"] == version.version
    manifest = wiring.object_store().get(f"{training.ref.prefix}/manifest.json")
    assert json.loads(manifest)["lineage"]["training_id"] == "flower-1"
    assert registry.run("flower", "flower-1").event == event
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("step") for line in lines if "step" in line] == [*STEPS, "record"]
    assert {line["correlation_id"] for line in lines} == {"flower-1"}
    counted = next(line for line in lines if "TrainingsRegistered" in line)
    assert (counted["model"], counted["version"]) == ("flower", done["version"])


def test_both_halves_are_in_the_registry_when_a_pair_is_trained(aws):
    _upload(as_csv(flowers(60)))
    state = _state(pair={"preprocessor": "flower-features"})
    for verb in STEPS:
        state[verb] = json.loads(json.dumps(_function(verb)(state)))

    done = _function("record")({"run": state, "started": "2026-03-01T12:00:00Z"})

    registry = wiring.registry()
    half = done["preprocessor"]
    refs = [
        registry.trainings(name, version)[0].ref
        for name, version in (("flower-features", half["version"]), ("flower", done["version"]))
    ]
    assert [ref.part for ref in refs] == ["preprocessor", "predictor"]
    assert refs[0].pair == refs[1].pair == half["pair"]
    assert registry.run("flower-features", "flower-1").version == half["version"]
    for ref in refs:
        content = wiring.object_store().get(f"{ref.prefix}/manifest.json")
        assert read_manifest(content, ref).pair.own == ref.digest


def test_branch_is_raised_when_a_pair_cannot_be_cut(aws):
    _upload(as_csv(flowers(60)))
    state = _state(
        pair={"preprocessor": "flower-features"},
        estimator={"class": "sklearn.dummy.DummyClassifier"},
    )
    for verb in STEPS[:3]:
        state[verb] = _function(verb)(state)

    with pytest.raises(Exception, match="flower cannot be a pair: it cannot be export") as refused:
        _function("export")(state)

    assert type(refused.value).__name__ == "RejectedError"


def test_branch_is_raised_when_the_data_is_not_there(aws):
    with pytest.raises(Exception, match="missing") as refused:
        _function("collect")(_state())

    assert type(refused.value).__name__ == "RejectedError"


def test_branch_is_raised_when_an_artifact_is_lost(aws, capsys):
    _upload(as_csv(flowers(60)))
    state = _state()
    state["collect"] = _function("collect")(state)
    store = boto3.client("s3")
    digest = state["collect"]["dataset"]
    store.delete_object(Bucket="artifacts", Key=f"datasets/{digest}/data.npz")

    with pytest.raises(Exception, match="missing") as fault:
        _function("preprocess")(state)

    assert type(fault.value).__name__ == "FaultError"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = next(line for line in lines if line.get("step") == "preprocess")
    assert (failed["ending"], failed["StepFailures"]) == ("failed", 1)


def test_event_is_a_fault_when_it_does_not_fit(aws):
    with pytest.raises(Exception, match="training_id") as fault:
        _function("collect")({"spec": {}, "training_id": "../../elsewhere"})

    assert type(fault.value).__name__ == "FaultError"


def test_due_training_is_started_once_when_the_rule_fires_twice(aws):
    _upload(as_csv(flowers(60)))
    state = _state(schedule={"every_hours": 1})
    for verb in STEPS:
        state[verb] = _function(verb)(state)
    rule = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}

    first, _ = _function("start_due")(rule), _function("start_due")(rule)

    assert len(first["started"]) == 1
    states = boto3.client("stepfunctions")
    (execution,) = states.list_executions(stateMachineArn=os.environ["BATCH_TRAINING_ARN"])[
        "executions"
    ]
    assert execution["name"] == first["started"][0]
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"])["spec"] == state["spec"]


def _run(event):
    state = dict(event)
    for verb in STEPS:
        state[verb] = json.loads(json.dumps(_function(verb)(state)))
    return state


def test_nothing_is_done_again_when_a_pipeline_finds_everything_unchanged(aws, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")
    _upload(as_csv(flowers(60)))
    first = _run(_state())

    again = _run({**_state(), "training_id": "flower-2", "reuse": True})

    assert all(again[verb]["skipped"] and again[verb]["from"] == "flower-1" for verb in STEPS)
    assert again["register"] | {"skipped": None} == first["register"] | {
        "skipped": None,
        "from": "flower-1",
    }
    done = _function("record")({"run": again, "started": "2026-03-01T12:00:00Z"})
    assert {step["state"] for step in done["steps"].values()} == {"skipped"}
    memo = json.loads(_object(f"steps/train/{done['steps']['train']['digest']}.json"))
    assert memo["training_id"] == "flower-1"
    assert memo["memory_mb"] == 3538
    assert memo["cost_usd"] > memo["seconds"] * 3538 / 1024 * 0.0000133
    kept = wiring.registry().run("flower", "flower-2")
    assert kept.steps["train"].source == "flower-1"


def test_data_are_read_again_when_their_object_was_replaced(aws):
    _upload(as_csv(flowers(60)))
    first = _run(_state())
    _upload(as_csv(flowers(60, seed=1)))

    again = _run({**_state(), "training_id": "flower-2", "reuse": True})

    assert not any(again[verb].get("skipped") for verb in STEPS)
    assert again["collect"]["dataset"] != first["collect"]["dataset"]


def test_train_function_has_nothing_to_do_when_place_is_told_so(aws):
    _upload(as_csv(flowers(60)))
    large = {"above_mb": 0}
    event = _state(pipeline={"large": large})
    state = _run(event)
    placed = {k: state[k] for k in ("collect", "preprocess")}
    other = {**event, **placed, "training_id": "flower-2", "reuse": True}

    assert _function("place")(other) == {"large": False}
    del other["reuse"]
    with pytest.raises(RejectedError, match="AWS Batch"):
        _function("place")(other)


def _object(key):
    return boto3.client("s3").get_object(Bucket="artifacts", Key=key)["Body"].read()


def test_function_has_its_handler_when_it_lies_in_the_room():
    found = {path.stem for path in Path(ROOT / "functions" / "training").glob("*.py")}
    verbs = {verb for verb in found if not verb.startswith("import_")}

    assert verbs == {*STEPS, "place", "record", "retrain", "start_due"}
