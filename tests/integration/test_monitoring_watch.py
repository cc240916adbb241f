"""The watch as the template wires it, on emulated AWS: lake, registry, topic and page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from fakes.job_plant import Context
from fakes.moto_aws import moto_account
from fakes.rocks_in_service import in_service
from fakes.template import create_table
from fakes.watched import MODEL, traffic
from moto import mock_aws
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.adapters.s3_object_store import S3ObjectStore
from servery.wiring.settings import SystemClock
from test_monitoring_functions import forget, function


class Cloud:
    """Clients, and what has come out of the watch."""

    def __init__(self) -> None:
        self.s3, self.sqs = boto3.client("s3"), boto3.client("sqs")
        for bucket in ("lake", "artifacts"):
            self.s3.create_bucket(Bucket=bucket)
        dynamodb = boto3.client("dynamodb")
        create_table(dynamodb, "RegistryTable", "registry")
        self.registry = DynamoDbRegistry(dynamodb, "registry", SystemClock())
        self.topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
        self.mails = str(self.sqs.create_queue(QueueName="mails")["QueueUrl"])
        asked = self.sqs.get_queue_attributes(QueueUrl=self.mails, AttributeNames=["QueueArn"])
        boto3.client("sns").subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"]
        )
        in_service(self.registry, S3ObjectStore(self.s3, "artifacts"))

    def ask(self, name: str, **traffic_is: Any) -> None:
        """An object of the prediction log."""
        lines = traffic(400, until=datetime.now(UTC), hours=(0.9, 0.0), **traffic_is)
        day = datetime.now(UTC).date().isoformat()
        key = f"predictions/model={MODEL}/day={day}/{name}"
        self.s3.put_object(Bucket="lake", Key=key, Body=b"\n".join(lines) + b"\n")

    def received(self) -> list[dict[str, Any]]:
        """Messages of the topic that nobody has taken yet."""
        answer = self.sqs.receive_message(QueueUrl=self.mails, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def cloud(monkeypatch) -> Iterator[Cloud]:
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        made = Cloud()
        settings = {
            "POWERTOOLS_SERVICE_NAME": "monitoring",
            "REGISTRY_TABLE": "registry",
            "ARTIFACTS_BUCKET": "artifacts",
            "LAKE_BUCKET": "lake",
            "LAKE_DELAY": "0",
            "ALERTS_TOPIC_ARN": made.topic,
            "PLAYBOOKS": "infra/playbooks",
            "LABEL_STREAM": "labels",
            "EVENT_STREAM": "events",
            "WATCH_FUNCTION": "watch",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()
        yield made
        forget()


def run(event: dict[str, Any]) -> dict[str, Any]:
    return function("watch").handler(event, Context("i", seconds=300))


def tell() -> dict[str, Any]:
    path = f"/models/{MODEL}/watch"
    event = {"httpMethod": "GET", "path": path, "resource": "", "body": None}
    answer = function("label").handler(event, Context("i", seconds=29))
    assert answer["statusCode"] == 200, answer
    return dict(json.loads(answer["body"]))


def test_alarm_goes_all_the_way_when_a_feature_has_drifted(cloud, capsys):
    cloud.ask("a", shift=1.5)

    done = run({"model": MODEL, "look": "look-1"})

    assert done["looked"] == {MODEL: "warning"}
    view = tell()
    assert view["last"]["id"] == "look-1"
    assert "mass" in {alarm["finding"]["subject"] for alarm in view["open"]}
    (mail,) = cloud.received()
    assert "mass" in mail["Message"]
    page = cloud.s3.get_object(Bucket="lake", Key=f"{view['last']['report']}.html")
    assert page["ContentType"].startswith("text/html")
    assert b"mass" in page["Body"].read()
    assert '"AlarmsOpened":1' in capsys.readouterr().out

    run({"model": MODEL, "look": "look-2"})

    assert cloud.received() == []
    assert tell()["last"]["opened"] == 0


def test_nobody_is_told_when_the_traffic_is_that_of_the_training(cloud, capsys):
    cloud.ask("a")
    done = run({"source": "aws.events", "detail-type": "Scheduled Event"})
    assert done == {"looked": {MODEL: ""}, "failed": {}, "busy": [], "left": []}
    assert cloud.received() == []
    out = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["WatchRuns"] for line in out if "WatchRuns" in line] == [1]
    assert {line["severity"]: line["OpenAlarms"] for line in out if "OpenAlarms" in line} == {
        "info": 0,
        "warning": 0,
        "critical": 0,
    }


def test_failure_is_told_and_counted_when_the_artifact_is_gone(cloud, capsys):
    for entry in cloud.s3.list_objects_v2(Bucket="artifacts")["Contents"]:
        cloud.s3.delete_object(Bucket="artifacts", Key=entry["Key"])
    done = run({})
    assert done["failed"] == {MODEL: "ArtifactError"}
    assert "manifest.json" in tell()["failure"]["said"]
    assert '"LooksFailed":1' in capsys.readouterr().out
