"""Releases as executions of an emulated state machine."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber
from fakes.moto_aws import moto_account
from fakes.queues import MemoryReleaseQueue
from fakes.records import a_release
from moto import mock_aws
from servery.adapters.stepfunctions_releases import (
    StepFunctionsReleaseExecutions,
    StepFunctionsReleaseQueue,
)
from servery.domain.release_records import ReleaseKind
from servery.errors import ConflictError, FaultError, ThrottledError, UnavailableError

MACHINE = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 100, "End": True}},
}
OUTPUT = {"model": "iris", "release": "r1", "then": "gate"}


@pytest.fixture
def machine(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        client = boto3.client("stepfunctions", region_name="eu-central-1")
        made = client.create_state_machine(
            name="training-to-serving",
            definition=json.dumps(MACHINE),
            roleArn="arn:aws:iam::123456789012:role/training-to-serving",
        )
        yield client, made["stateMachineArn"]


def test_it_is_an_execution_of_its_own_id_when_a_release_starts(machine):
    client, arn = machine
    record = a_release()
    StepFunctionsReleaseQueue(client, arn, MemoryReleaseQueue()).start(record)
    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == record.id
    told = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(told["input"]) == {"model": record.model, "release": record.id}


@pytest.mark.parametrize("kind", [ReleaseKind.CANDIDATE, ReleaseKind.ROLL])
def test_others_carry_it_out_when_it_has_no_stages(machine, kind):
    client, arn = machine
    others, record = MemoryReleaseQueue(), a_release(kind=kind)
    StepFunctionsReleaseQueue(client, arn, others).start(record)
    assert others.started == [record]
    assert client.list_executions(stateMachineArn=arn)["executions"] == []


def test_unavailable_when_the_machine_cannot_be_reached(machine):
    client, arn = machine
    queue = StepFunctionsReleaseQueue(client, arn + "-gone", MemoryReleaseQueue())
    with pytest.raises(UnavailableError, match="release workflow") as caught:
        queue.start(a_release())
    assert caught.value.retry_after == 5


def test_it_runs_until_it_is_stopped(machine):
    client, arn = machine
    StepFunctionsReleaseQueue(client, arn, MemoryReleaseQueue()).start(a_release())
    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    executions = StepFunctionsReleaseExecutions(client)
    assert executions.is_running(execution["executionArn"])
    client.stop_execution(executionArn=execution["executionArn"])
    assert not executions.is_running(execution["executionArn"])


def test_it_does_not_run_when_nobody_knows_it(machine):
    client, arn = machine
    unknown = arn.replace(":stateMachine:", ":execution:") + ":nobody"
    assert not StepFunctionsReleaseExecutions(client).is_running(unknown)


def test_one_that_waits_goes_on_when_it_is_told(machine):
    client, _ = machine
    with Stubber(client) as told:
        told.add_response(
            "send_task_success",
            {},
            {"taskToken": "token", "output": json.dumps(OUTPUT, separators=(",", ":"))},
        )
        StepFunctionsReleaseExecutions(client).go_on("token", OUTPUT)
        told.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_conflict_when_it_waits_no_more(machine, code):
    client, _ = machine
    with Stubber(client) as told:
        told.add_client_error("send_task_success", code)
        with pytest.raises(ConflictError, match="does not wait any more"):
            StepFunctionsReleaseExecutions(client).go_on("token", OUTPUT)


def test_conflict_when_there_is_no_token(machine):
    client, _ = machine
    with pytest.raises(ConflictError, match="nothing waits"):
        StepFunctionsReleaseExecutions(client).go_on("", OUTPUT)


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", ThrottledError), ("AccessDeniedException", FaultError)],
)
def test_it_is_another_error_when_the_cloud_refuses(machine, code, error):
    client, arn = machine
    executions = StepFunctionsReleaseExecutions(client)
    with Stubber(client) as told:
        told.add_client_error("send_task_success", code)
        told.add_client_error("describe_execution", code)
        with pytest.raises(error):
            executions.go_on("token", OUTPUT)
        with pytest.raises(error):
            executions.is_running(arn)
