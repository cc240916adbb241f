"""A large training through its state machine, on S3 and DynamoDB, with AWS Batch mocked.

What is mocked does what AWS Batch promises: it takes the job as the state machine submits it, puts
the parameters into the command of the job definition, and runs the image's own entry point. The
rest are the functions as Lambda runs them.
"""

from __future__ import annotations

import importlib.util
import json
import sys

import boto3
import pytest
from fakes.execution import Execution, StateError
from fakes.moto_aws import moto_account
from fakes.template import ROOT, create_table, template
from fakes.training import as_csv, flower_spec, flowers
from moto import mock_aws
from servery.wiring import training as wiring

MACHINE = ROOT / "state_machines" / "pipeline_training.asl.yaml"
SUBMIT = "arn:aws:states:::batch:submitJob.sync"
VERBS = ("collect", "preprocess", "place", "train", "export", "evaluate", "register", "record")
CACHED = ("object_store", "registry", "datasets", "training_code", "steps")
LARGE = {"pipeline": {"large": {"above_mb": 0, "vcpus": 6, "memory_mb": 24_000, "minutes": 20}}}
DEFINITION = template()["Resources"]["TrainingJobDefinition"]["Properties"]


def _forget():
    for name in CACHED:
        getattr(wiring, name).cache_clear()


@pytest.fixture
def aws(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "training")
    monkeypatch.setenv("ARTIFACTS_BUCKET", "artifacts")
    monkeypatch.setenv("REGISTRY_TABLE", "registry")
    monkeypatch.setenv("TRAINING_JOB_QUEUE", "arn:queue")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="artifacts")
        create_table(boto3.client("dynamodb"), "RegistryTable", "registry")
        _upload(as_csv(flowers(60)))
        _forget()
        yield
    _forget()


def _upload(content):
    boto3.client("s3").put_object(Bucket="artifacts", Key="raw/flower/data.csv", Body=content)


def _module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _function(verb):
    module = _module(ROOT / "functions" / "training" / f"{verb}.py", f"training_{verb}")
    return lambda event: module.handler(event, None)


class Batch:
    """AWS Batch as the state machine sees it.

    Attributes:
        jobs: What was submitted.
        lost: Whether jobs end well without having done anything.
    """

    def __init__(self, monkeypatch):
        self.jobs = []
        self.lost = False
        self._entry = _module(ROOT / "infra" / "image" / "run_training.py", "run_training")
        train = _module(ROOT / "functions" / "training" / "train.py", "train")
        monkeypatch.setitem(sys.modules, "train", train)

    def submit(self, job):
        self.jobs.append(job)
        given = {f"Ref::{name}": value for name, value in job["Parameters"].items()}
        command = [given.get(word, word) for word in DEFINITION["ContainerProperties"]["Command"]]
        status = 0 if self.lost else self._entry.main(command)
        if status:
            cause = {"StatusReason": "Essential container in task exited", "Status": "FAILED"}
            raise StateError("States.TaskFailed", json.dumps(cause))
        return {"JobId": f"job-{len(self.jobs)}", "JobName": job["JobName"], "Status": "SUCCEEDED"}


@pytest.fixture
def batch(aws, monkeypatch):
    return Batch(monkeypatch)


@pytest.fixture
def run(batch):
    """Runs the pipeline on a spec; its execution."""

    def execute(training_id="flower-1", **changes):
        spec = flower_spec(**{**LARGE, **changes})
        spec["data"]["uri"] = "s3://artifacts/raw/flower/data.csv"
        resources = {f"${{Training{v.capitalize()}FunctionArn}}": _function(v) for v in VERBS}
        resources[SUBMIT] = batch.submit
        resources["arn:aws:states:::sns:publish"] = lambda _: {"MessageId": "m"}
        event = {"training_id": training_id, "origin": "cli", "reuse": True, "spec": spec}
        return Execution.of(MACHINE, resources).run(event)

    return execute


def test_train_step_leaves_lambda_when_the_rows_are_large(run, batch):
    execution = run()

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "registered")
    first = execution.passed.index("Place")
    assert execution.passed[first : first + 6] == [
        "Place",
        "HowLarge",
        "TrainLarge",
        "Place",
        "HowLarge",
        "Train",
    ]
    (job,) = batch.jobs
    assert job["JobName"] == "flower-1"
    assert job["ContainerOverrides"]["ResourceRequirements"] == [
        {"Type": "VCPU", "Value": "6"},
        {"Type": "MEMORY", "Value": "24000"},
    ]
    assert job["Timeout"] == {"AttemptDurationSeconds": 1200}
    assert execution.output["steps"]["train"]["state"] == "done"


def test_job_is_submitted_as_aws_batch_takes_it_when_the_rows_are_large(run, batch):
    run()

    (job,) = batch.jobs
    client = boto3.client("batch", region_name="us-east-1")
    shape = client.meta.service_model.operation_model("SubmitJob").input_shape
    assert _misfits(job, shape) == []


def _misfits(given, shape, where="job"):
    """What is there under a name that AWS Batch does not know, or of another type."""
    if shape.type_name == "structure":
        members = {name[0].upper() + name[1:]: member for name, member in shape.members.items()}
        unknown = [f"{where}.{name}" for name in given if name not in members]
        known = [(n, v) for n, v in given.items() if n in members]
        return unknown + [m for n, v in known for m in _misfits(v, members[n], f"{where}.{n}")]
    if shape.type_name == "list":
        return [m for each in given for m in _misfits(each, shape.member, f"{where}[]")]
    wanted = {"string": str, "integer": int, "map": dict}[shape.type_name]
    return [] if isinstance(given, wanted) else [f"{where} is no {shape.type_name}"]


def test_function_takes_what_the_job_made_when_it_comes_behind_it(run):
    output = run().output

    kept = json.loads(wiring.object_store().get("trainings/flower-1/steps/train.json"))
    assert kept["attempt"] == 2
    assert kept["cost_usd"] == 0
    assert output["version"].startswith("0.1.0-")


def test_record_starts_the_training_again_when_it_went_through_a_job(run):
    run()

    event = wiring.registry().run("flower", "flower-1").event
    assert set(event) == {"training_id", "origin", "reuse", "spec"}


def test_no_machine_is_started_when_the_model_was_made_before(run, batch):
    first = run()

    second = run("flower-2")

    assert len(batch.jobs) == 1
    assert "TrainLarge" not in second.passed
    assert second.output["version"] == first.output["version"]


def test_training_stays_in_lambda_when_the_rows_are_small(run, batch):
    execution = run(pipeline={"large": {"above_mb": 5}})

    assert execution.output["outcome"] == "registered"
    assert batch.jobs == []
    assert "Place" in execution.passed


@pytest.mark.parametrize("pipeline", [{}, {"large": None}], ids=["nothing", "null"])
def test_nobody_is_asked_when_the_spec_has_no_limit(run, pipeline):
    execution = run(pipeline=pipeline)

    assert execution.output["outcome"] == "registered"
    assert "Place" not in execution.passed


def test_training_is_refused_with_the_steps_reason_when_the_job_refuses(run, batch):
    execution = run(estimator={"class": "sklearn.svm.SVC", "params": {"C": -1}})

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "refused")
    assert "The 'C' parameter of SVC" in execution.output["reasons"][0]
    assert len(batch.jobs) == 1


def test_training_is_refused_with_the_way_out_when_the_stack_has_no_batch(run, batch, monkeypatch):
    monkeypatch.setenv("TRAINING_JOB_QUEUE", "")

    execution = run()

    assert execution.output["outcome"] == "refused"
    assert "TrainingImage" in execution.output["reasons"][0]
    assert batch.jobs == []


def test_training_fails_in_train_when_the_job_fails(run, batch, monkeypatch):
    monkeypatch.setattr(batch, "submit", _fails)

    execution = run()

    assert execution.status == "FAILED"
    told = json.loads(execution.cause)
    assert (told["outcome"], told["failed_step"]) == ("failed", "train")
    assert "Essential container" in told["reasons"][0]


def _fails(_):
    cause = {"StatusReason": "Essential container in task exited", "Status": "FAILED"}
    raise StateError("States.TaskFailed", json.dumps(cause))


def test_no_second_job_is_submitted_when_the_first_left_nothing(run, batch):
    batch.lost = True

    execution = run()

    assert execution.status == "FAILED"
    assert "left no model" in json.loads(execution.cause)["reasons"][0]
    assert len(batch.jobs) == 1


def test_state_machine_may_submit_and_follow_jobs_when_there_is_batch():
    role = template()["Resources"]["PipelineTrainingStateMachineRole"]["Properties"]
    guarded = [
        statement["Fn::If"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in statement
    ]

    assert {condition for condition, _, _ in guarded} == {"HasBatch"}
    named = [granted["Action"] for _, granted, _ in guarded]
    assert {a for n in named for a in ([n] if isinstance(n, str) else n)} == {
        "batch:SubmitJob",
        "batch:DescribeJobs",
        "batch:TerminateJob",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
    }
