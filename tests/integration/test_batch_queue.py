"""Batches as executions of an emulated state machine, and their events on an emulated bus."""

from __future__ import annotations

import json

import boto3
import msgspec
import pytest
from fakes.moto_aws import moto_account
from fakes.records import a_ref
from moto import mock_aws
from servery.adapters.eventbridge_batch_events import EventBridgeBatchEvents
from servery.adapters.stepfunctions_batch_queue import StepFunctionsBatchQueue
from servery.domain.batches import Batch, BatchState, Source
from servery.errors import FaultError, UnavailableError

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
BATCH = Batch(
    id="a" * 24,
    model="iris",
    state=BatchState.QUEUED,
    created="2026-03-01T12:00:00.000000+00:00",
    expires=1_800_000_000.0,
    source=Source(bucket="exchange", key="inbox/iris/a.csv", etag="e", size=1),
    run=2,
    execution="a" * 24 + "-2",
)


@pytest.fixture(autouse=True)
def cloud(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        yield


@pytest.fixture
def machine():
    client = boto3.client("stepfunctions", region_name="eu-central-1")
    made = client.create_state_machine(
        name="batch-prediction",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/batch-prediction",
    )
    return client, made["stateMachineArn"]


def test_one_execution_runs_under_the_name_of_the_run_when_it_is_started_twice(machine):
    client, arn = machine
    queue = StepFunctionsBatchQueue(client, arn)
    queue.start(BATCH)
    queue.start(BATCH)

    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == BATCH.execution
    told = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(told["input"]) == {"batch": BATCH.id, "run": 2}


def test_it_has_ended_when_somebody_stopped_it_and_not_before(machine):
    client, arn = machine
    queue = StepFunctionsBatchQueue(client, arn)
    assert not queue.ended(BATCH)
    queue.start(BATCH)
    assert not queue.ended(BATCH)
    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    client.stop_execution(executionArn=execution["executionArn"])
    assert queue.ended(BATCH)


def test_a_fault_when_there_is_no_such_machine(machine):
    client, arn = machine
    with pytest.raises(FaultError, match="starting a batch"):
        StepFunctionsBatchQueue(client, arn + "-gone").start(BATCH)


class Bus:
    """Remembers what was put on it; takes nothing when it is broken."""

    def __init__(self, failed=0):
        self.failed, self.entries = failed, []

    def put_events(self, *, Entries):  # noqa: N803 - AWS's own name
        self.entries += Entries
        return {"FailedEntryCount": self.failed}


def test_the_event_tells_counts_and_addresses_and_no_rows_when_a_batch_is_over():
    bus = Bus()
    done = msgspec.structs.replace(
        BATCH, state=BatchState.SUCCEEDED, ref=a_ref(), rows_in=3, rows_out=2, rows_rejected=1
    )
    EventBridgeBatchEvents(bus, "exchange").publish(done)

    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"]) == ("servery.batch", "Batch finished")
    detail = json.loads(entry["Detail"])
    assert (detail["batch"], detail["run"], detail["state"]) == (BATCH.id, 2, "succeeded")
    assert (detail["rows_in"], detail["rows_out"], detail["rows_rejected"]) == (3, 2, 1)
    assert detail["manifest"] == f"s3://exchange/outbox/iris/{BATCH.id}/manifest.json"
    assert detail["model_version"] == a_ref().version


def test_a_real_client_takes_the_event_when_it_is_put_on_the_default_bus():
    client = boto3.client("events", region_name="eu-central-1")
    EventBridgeBatchEvents(client, "exchange").publish(BATCH)


def test_unavailable_when_the_bus_does_not_take_it():
    with pytest.raises(UnavailableError):
        EventBridgeBatchEvents(Bus(failed=1), "exchange").publish(BATCH)
