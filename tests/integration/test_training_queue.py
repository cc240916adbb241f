"""Trainings as executions of an emulated state machine."""

from __future__ import annotations

import json

import boto3
import pytest
from fakes.moto_aws import moto_account
from moto import mock_aws
from servery.adapters.stepfunctions_training_queue import StepFunctionsTrainingQueue
from servery.errors import ConflictError, FaultError

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}


@pytest.fixture
def machine(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        client = boto3.client("stepfunctions", region_name="eu-central-1")
        made = client.create_state_machine(
            name="batch-training",
            definition=json.dumps(MACHINE),
            roleArn="arn:aws:iam::123456789012:role/batch-training",
        )
        yield client, made["stateMachineArn"]


def test_it_runs_under_its_own_name_when_it_is_started(machine):
    client, arn = machine
    StepFunctionsTrainingQueue(client, arn).start("iris-1", {"spec": {"name": "iris"}})
    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == "iris-1"
    told = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(told["input"]) == {"spec": {"name": "iris"}}


def test_conflict_when_there_is_one_of_that_name(machine):
    client, arn = machine
    queue = StepFunctionsTrainingQueue(client, arn)
    queue.start("iris-1", {"spec": 1})
    with pytest.raises(ConflictError, match="iris-1 already"):
        queue.start("iris-1", {"spec": 2})


def test_a_fault_when_there_is_no_such_machine(machine):
    client, arn = machine
    with pytest.raises(FaultError, match="starting a training"):
        StepFunctionsTrainingQueue(client, arn + "-gone").start("iris-1", {})
