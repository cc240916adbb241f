"""The functions of jobs of graphs, as the template wires them, on emulated AWS."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import boto3
import msgspec
import pytest
from fakes.fan_out_plant import FanOut
from fakes.graph_plant import classes, deployment_of
from fakes.job_plant import Context
from fakes.moto_aws import moto_account
from fakes.template import ROOT, create_table, template
from moto import mock_aws
from servery.domain.graph_jobs import SLOTS
from servery.errors import UnavailableError
from servery.wiring import aws as shared
from servery.wiring import monitoring, submitting
from servery.wiring.graph import asking, jobs

REGION = "us-east-1"
CONTEXT = Context("request-9", seconds=30.0)
TABLES = {"JOBS_TABLE": "JobsTable", "REGISTRY_TABLE": "RegistryTable"}


def function(verb: str) -> ModuleType:
    path = ROOT / "functions" / "graph" / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"graph_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    for module in (asking, jobs, shared, monitoring, submitting):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


class Cloud:
    """The resources and the environment that the template gives."""

    def __init__(self, plant: FanOut) -> None:
        self.plant = plant
        self._sqs, self._sns = boto3.client("sqs"), boto3.client("sns")
        self.topic = self._sns.create_topic(Name="parts")["TopicArn"]
        self.urls = [self._slot(number) for number in range(SLOTS)]
        self.settings = {
            **{variable: variable.lower() for variable in TABLES},
            "POWERTOOLS_SERVICE_NAME": "graph",
            "FEATURES_TABLE": "features",
            "ARTIFACTS_BUCKET": "artifacts",
            "EXCHANGE_BUCKET": "exchange",
            "PREDICTION_LOG_STREAM": "log",
            "JOB_RETENTION_DAYS": "7",
            "GRAPH_PARTS_TOPIC": self.topic,
            "GRAPH_PART_QUEUE_URLS": ",".join(self.urls),
            "GRAPH_SETTLE_QUEUE_URL": self._sqs.create_queue(QueueName="settle")["QueueUrl"],
        }

    def _slot(self, number: int) -> str:
        declared = template()["Resources"][f"GraphPart{number}Subscription"]["Properties"]
        url = str(self._sqs.create_queue(QueueName=f"part-{number}")["QueueUrl"])
        self._sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=self.arn(url),
            Attributes={
                "FilterPolicy": json.dumps(declared["FilterPolicy"]),
                "RawMessageDelivery": "true",
            },
        )
        return url

    def arn(self, url: str) -> str:
        asked = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(asked["Attributes"]["QueueArn"])

    def event(self, url: str) -> dict[str, Any]:
        """What a queue has, as Lambda's poller hands it over."""
        got = self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
        )
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": self.arn(url),
                }
                for message in got.get("Messages", [])
            ]
        }

    def submit(self, *xs: float) -> dict[str, Any]:
        event = {
            "httpMethod": "POST",
            "path": "/v2/graphs/g/jobs",
            "body": json.dumps({"records": [{"x": x} for x in xs]}),
        }
        answer = function("serve").handler(event, CONTEXT)
        assert answer["statusCode"] == 202, answer["body"]
        return dict(json.loads(answer["body"]))

    def look(self, job_id: str) -> dict[str, Any]:
        event = {"httpMethod": "GET", "path": f"/v2/graphs/g/jobs/{job_id}"}
        return dict(json.loads(function("serve").handler(event, CONTEXT)["body"]))


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch):
    moto_account(monkeypatch, REGION)
    with mock_aws():
        for variable, logical_id in TABLES.items():
            create_table(boto3.client("dynamodb"), logical_id, variable.lower())
        boto3.client("s3").create_bucket(Bucket="exchange")
        boto3.client("s3").create_bucket(Bucket="lake")
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        boto3.client("firehose").create_delivery_stream(
            DeliveryStreamName="log",
            ExtendedS3DestinationConfiguration={
                "RoleARN": role["Role"]["Arn"],
                "BucketARN": "arn:aws:s3:::lake",
            },
        )
        cloud = Cloud(FanOut())
        for name, value in cloud.settings.items():
            monkeypatch.setenv(name, value)
        forget()
        monkeypatch.setattr(asking, "side_by_side", lambda: cloud.plant.models)
        for name, said in (("a", "yes"), ("b", "no")):
            cloud.plant.models.model(name, classes(said))
            shared.registry().put_deployment(deployment_of(name))
        record = cloud.plant.group("a", "b", then={"a": {"graph": "g"}})
        asking.graphs().put(msgspec.structs.replace(record, revision=1))
        yield cloud
        forget()


def answer(cloud: Cloud, slot: int) -> list[dict[str, str]]:
    failures = function("answer").handler(cloud.event(cloud.urls[slot]), CONTEXT)
    return list(failures["batchItemFailures"])


def test_job_is_answered_through_its_queues_when_it_was_submitted(cloud):
    job = cloud.submit(1.0, 2.0)
    assert answer(cloud, 0) == []
    assert cloud.look(job["id"])["state"] == "open"
    assert answer(cloud, 1) == []
    found = cloud.look(job["id"])
    assert (found["state"], found["missing"]) == ("done", [])
    assert [row["b"]["class"] for row in found["result"]["predictions"]] == ["no", "no"]
    assert [cloud.event(url)["Records"] for url in cloud.urls] == [[]] * SLOTS


def test_message_is_hidden_in_its_own_queue_when_the_part_is_put_off(cloud, caplog):
    cloud.submit(1.0)
    cloud.plant.models.model("b", lambda _: UnavailableError("it is away"))
    assert len(answer(cloud, 1)) == 1
    # Where hiding fails it is told, and no more: the queue's own time applies then.
    assert caplog.messages == ["b cannot answer: it is away"]


def test_next_job_is_made_once_when_the_event_of_a_member_comes_twice(cloud):
    job = cloud.submit(1.0)
    answer(cloud, 0)
    event = {"source": "servery.graph", "detail": {"job": job["id"], "member": "a"}}
    first = function("follow").handler(event, CONTEXT)
    assert cloud.look(first["job"])["origin"] == f"{job['id']}/a"
    assert function("follow").handler(event, CONTEXT) == first


def test_nothing_is_due_when_the_sweep_comes_before_the_time_of_any_job(cloud):
    cloud.submit(1.0)
    assert function("settle").handler({}, CONTEXT) == {"counts": {}, "left": False}


def test_reminder_waits_for_the_time_of_its_job_when_it_is_early(cloud):
    job = cloud.submit(1.0)
    message = {
        "messageId": "m",
        "receiptHandle": "h",
        "body": job["id"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": cloud.arn(cloud.settings["GRAPH_SETTLE_QUEUE_URL"]),
    }
    answered = function("settle").handler({"Records": [message]}, CONTEXT)
    assert answered == {"batchItemFailures": [{"itemIdentifier": "m"}]}
