"""The functions that evaluate, retire and retrain as the template wires them, on emulated AWS."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

import boto3
import pytest
from fakes.moto_aws import moto_account
from fakes.records import a_deployment, a_model, a_ref, a_training, a_version
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.adapters.dynamodb_keeping import DynamoDbKeeping
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.wiring import aws as shared
from servery.wiring import monitoring, retiring, training
from servery.wiring.settings import SystemClock

CHAMPION = "1.1.0-dabc1234.sdef5678"
MACHINE = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 100, "End": True}},
}


def function(room: str, verb: str) -> ModuleType:
    path = ROOT / "functions" / room / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"{room}_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    for module in (monitoring, retiring, training, shared):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def registry(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_table(dynamodb, "RegistryTable", "registry")
        create_table(dynamodb, "JobsTable", "jobs")
        for bucket in ("lake", "artifacts"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        states = boto3.client("stepfunctions")
        machines = [
            states.create_state_machine(
                name=name, definition=json.dumps(MACHINE), roleArn=role["Role"]["Arn"]
            )["stateMachineArn"]
            for name in ("batch", "pipeline")
        ]
        settings = {
            "POWERTOOLS_SERVICE_NAME": "monitoring",
            "REGISTRY_TABLE": "registry",
            "JOBS_TABLE": "jobs",
            "LAKE_BUCKET": "lake",
            "ARTIFACTS_BUCKET": "artifacts",
            "PREDICTOR_FUNCTION": "predictor",
            "PREPROCESSOR_FUNCTION": "preprocessor",
            "CORE_LAYER_ARN": "core",
            "ONNX_LAYER_ARN": "onnx",
            "SKLEARN_LAYER_ARN": "sklearn",
            "OWN_LAYER_ARN": "own",
            "MODEL_LAYER_PREFIX": "model-",
            "BATCH_TRAINING_ARN": machines[0],
            "PIPELINE_TRAINING_ARN": machines[1],
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()
        found = DynamoDbRegistry(dynamodb, "registry", SystemClock())
        found.put_model(a_model(spec={"name": "iris", "retrain": {"on": ["accuracy"]}}))
        yield found
        forget()


def lines(table: str, *written: dict[str, object]) -> None:
    content = b"".join(json.dumps(line).encode() + b"\n" for line in written)
    day = SystemClock().now().date().isoformat()
    key = f"{table}/model=iris/day={day}/a.jsonl"
    boto3.client("s3").put_object(Bucket="lake", Key=key, Body=content)


def test_champion_is_evaluated_when_a_label_is_in_the_lake(registry):
    registry.put_deployment(a_deployment())
    now = SystemClock().now().isoformat()
    asked = {"request_id": "r", "time": now, "model_version": CHAMPION, "status": 200}
    lines("predictions", {**asked, "output": {"predictions": [{"class": "a"}]}}, {"odd": 1})
    label = {"request_id": "r", "row": 0, "label": "a", "model": "iris", "time": now, "day": now}
    lines("labels", label)

    done = function("monitoring", "evaluate").handler({}, None)

    assert done["count"] == 1
    kept = DynamoDbKeeping(boto3.client("dynamodb"), "registry").evaluation("iris", CHAMPION)
    assert (kept.rows, kept.score, kept.requests) == (1, 1.0, 1)


def test_version_is_gone_when_it_has_expired_and_nobody_serves_it(registry, monkeypatch):
    rules = {"expired_days": 1, "grace_hours": 0}
    registry.put_model(a_model(spec={"name": "iris", "retire": rules}, updated="2027"))
    registry.add_version(a_version())
    registry.add_training(a_training())
    s3, prefix = boto3.client("s3"), a_ref().prefix
    for name in ("model.onnx", "baseline.json", "manifest.json"):
        s3.put_object(Bucket="artifacts", Key=f"{prefix}/{name}", Body=b"x")

    done = function("monitoring", "retire").handler({}, None)

    assert done["done"] == [f"iris {a_version().version}: gone"]
    left = s3.list_objects_v2(Bucket="artifacts")["Contents"]
    assert [entry["Key"] for entry in left] == [f"{prefix}/manifest.json", f"{prefix}/retired.json"]


def test_training_is_started_once_when_two_alarms_come(registry):
    retrain = function("training", "retrain").handler
    detail = {"model": "iris", "kind": "accuracy", "said": "it errs", "at": "2026-03-01T12:00:00Z"}
    event = {"id": "e", "source": "servery.monitoring", "detail": {**detail, "value": 0.7}}

    first = retrain(event, None)
    again = retrain(event, None)
    second = retrain({"detail": {**detail, "at": "2026-03-01T12:05:00Z"}}, None)

    assert (first["decision"], again["decision"], second["decision"]) == (
        "started",
        "started",
        "busy",
    )
    states = boto3.client("stepfunctions")
    (machine,) = [m for m in states.list_state_machines()["stateMachines"] if m["name"] == "batch"]
    arn = machine["stateMachineArn"]
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == first["training_id"] == again["training_id"]
    asked = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert (asked["origin"], asked["because"]) == ("alarm", "it errs")
