"""Jobs of graphs on an emulated cloud: topic, filters and queues of the template, bus and table."""

from __future__ import annotations

import json
from typing import Any

import boto3
import msgspec
import pytest
from fakes.fan_out_chaos import Chaos
from fakes.graph_jobs import a_graph_job, a_group, a_result
from fakes.moto_aws import moto_account, moto_table
from fakes.template import template
from moto import mock_aws
from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
from servery.adapters.eventbridge_graph_events import EventBridgeGraphEvents
from servery.adapters.sns_part_topic import SnsPartTopic
from servery.domain.graph_jobs import (
    SLOTS,
    GraphJobState,
    PartMessage,
    PartState,
    ended,
)
from servery.errors import FaultError, UnavailableError
from servery.usecases.graph.fan_out.submitting import publish_parts

REGION = "eu-central-1"
ARN = f"arn:aws:sns:{REGION}:123456789012:nothing"


@pytest.fixture
def cloud(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        yield


class Queues:
    """The topic, its queues and their subscriptions, as the template has them."""

    def __init__(self) -> None:
        self.sns = boto3.client("sns", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.arn = self.sns.create_topic(Name="parts")["TopicArn"]
        self.urls = []
        for slot in range(SLOTS):
            declared = template()["Resources"][f"GraphPart{slot}Subscription"]["Properties"]
            assert declared["Endpoint"] == {"Fn::GetAtt": f"GraphPart{slot}Queue.Arn"}
            url = self.sqs.create_queue(QueueName=f"part-{slot}")["QueueUrl"]
            found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            self.sns.subscribe(
                TopicArn=self.arn,
                Protocol=declared["Protocol"],
                Endpoint=found["Attributes"]["QueueArn"],
                Attributes={
                    "FilterPolicy": json.dumps(declared["FilterPolicy"]),
                    "RawMessageDelivery": json.dumps(declared["RawMessageDelivery"]),
                },
            )
            self.urls.append(url)

    def bodies(self, slot: int) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.urls[slot], MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


def test_each_part_is_in_the_queue_of_its_slot_when_a_job_is_published(cloud):
    queues = Queues()
    names = [f"m{n}" for n in range(SLOTS)]
    job = a_graph_job(record=a_group(*names))
    publish_parts(job, SnsPartTopic(queues.sns, queues.arn))
    for slot, name in enumerate(names):
        (body,) = queues.bodies(slot)
        read = msgspec.json.decode(body, type=PartMessage)
        assert read == PartMessage(job=job.id, part=name, slot=slot)


def test_it_is_a_fault_when_there_is_no_such_topic(cloud):
    sns = boto3.client("sns", region_name=REGION)
    with pytest.raises(FaultError):
        publish_parts(a_graph_job(), SnsPartTopic(sns, ARN))


def test_unavailable_when_the_topic_takes_only_some():
    class Half:
        def publish_batch(self, **asked: Any) -> dict[str, Any]:
            return {"Successful": [], "Failed": asked["PublishBatchRequestEntries"][1:]}

    with pytest.raises(UnavailableError, match="1 of 2"):
        publish_parts(a_graph_job(), SnsPartTopic(Half(), ARN))


class Listening:
    """The bus, with what it is told."""

    def __init__(self) -> None:
        self._bus = boto3.client("events", region_name=REGION)
        self._told: list[dict[str, Any]] = []

    def put_events(self, *, Entries):  # noqa: N803 - AWS's own name
        self._told += Entries
        return self._bus.put_events(Entries=Entries)

    def events(self) -> list[dict[str, Any]]:
        """What it was told and took."""
        return [
            {"source": e["Source"], "kind": e["DetailType"], "detail": json.loads(e["Detail"])}
            for e in self._told
        ]


@pytest.fixture
def told(cloud):
    """Who tells the bus, and the events that it took."""
    bus = Listening()
    return EventBridgeGraphEvents(bus), bus.events


def test_the_bus_is_told_of_a_member_without_data_when_it_has_answered(told):
    publisher, events = told
    record = msgspec.convert(
        {
            **msgspec.to_builtins(a_group()),
            "spec": {
                "name": "g",
                "owner": "tests",
                "steps": [
                    {
                        "name": "team",
                        "group": {
                            "members": [
                                {"name": "a", "model": "model-a", "then": {"graph": "closer"}},
                                {"name": "b", "model": "model-b"},
                            ],
                            "aggregate": "all",
                        },
                    }
                ],
            },
        },
        type(a_group()),
    )
    job = a_graph_job(record=record, origin="o/p")
    over = ended(job, state=GraphJobState.DONE, finished="f", now=0.0, arrived=["b"])
    publisher.answered(over, a_result("a", state=PartState.DONE, tries=2))
    (event,) = events()
    assert (event["source"], event["kind"]) == ("servery.graph", "Graph member answered")
    assert event["detail"] == {
        "id": f"{job.id}/a",
        "job": job.id,
        "graph": "g",
        "graph_revision": 3,
        "request_id": "request-1",
        "origin": "o/p",
        "member": "a",
        "model": "model-a",
        "model_version": "1.0.0-data.split",
        "state": "done",
        "late": True,
        "tries": 2,
        "then": "closer",
    }


def test_the_bus_is_told_without_data_when_a_job_has_ended(told):
    publisher, events = told
    job = ended(
        a_graph_job(),
        state=GraphJobState.DONE,
        finished="2026-03-01T12:00:09.000000+00:00",
        now=0.0,
        partial=True,
        missing=["b"],
        result='{"predictions": ["secret"]}',
    )
    publisher.finished(job)
    (event,) = events()
    assert event["kind"] == "Graph job finished"
    detail = event["detail"]
    assert (detail["id"], detail["job"], detail["state"]) == (job.id, job.id, "done")
    assert (detail["partial"], detail["missing"]) == (True, ["b"])
    assert detail["href"] == f"/v2/graphs/g/jobs/{job.id}"
    assert "secret" not in json.dumps(event)


def test_unavailable_when_the_bus_does_not_take_the_event():
    class Full:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    with pytest.raises(UnavailableError):
        EventBridgeGraphEvents(Full()).finished(a_graph_job())


@pytest.mark.slow
def test_every_job_ends_once_when_everything_goes_wrong_around_the_table(monkeypatch):
    with moto_table(monkeypatch, "JobsTable", "jobs") as client:
        found = Chaos(3, DynamoDbGraphJobs(client, "jobs")).run(12)
    assert found.wrong == []
    assert (found.jobs, found.deaths > 0) == (12, True)
