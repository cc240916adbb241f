"""Searches as executions of an emulated state machine."""

from __future__ import annotations

import json

import boto3
import pytest
from fakes.moto_aws import moto_account
from moto import mock_aws
from servery.adapters.stepfunctions_search_queue import StepFunctionsSearchQueue
from servery.errors import FaultError
from servery.ports import Halt

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
NAME = "iris-20260301T120000000-abcdef-r2"


@pytest.fixture
def client(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        yield boto3.client("stepfunctions", region_name="eu-central-1")


@pytest.fixture
def machine(client):
    return client.create_state_machine(
        name="search",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/search",
    )["stateMachineArn"]


def test_execution_has_the_name_and_the_input_when_it_is_started(client, machine):
    StepFunctionsSearchQueue(client, machine).start(NAME, {"search": "iris"})

    (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
    told = client.describe_execution(executionArn=execution["executionArn"])
    assert execution["name"] == NAME
    assert json.loads(told["input"]) == {"search": "iris"}


def test_it_is_told_how_it_ended_when_somebody_aborted_it(client, machine):
    queue = StepFunctionsSearchQueue(client, machine)
    before = queue.halt(NAME)
    queue.start(NAME, {})
    running = queue.halt(NAME)
    (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
    client.stop_execution(executionArn=execution["executionArn"])

    over = queue.halt(NAME)
    assert (before, running) == (Halt("missing"), None)
    assert over.how == "aborted"
    assert over.at.tzinfo is not None


def test_a_fault_when_there_is_no_such_machine(client, machine):
    with pytest.raises(FaultError, match="starting a search"):
        StepFunctionsSearchQueue(client, f"{machine}-gone").start(NAME, {})
