"""The functions of monitoring as the template wires them, and the way to them, on emulated AWS."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import boto3
import pytest
from fakes.job_plant import Context
from fakes.model_servers import FakeModelServers
from fakes.moto_aws import moto_account
from fakes.records import a_deployment, a_ref, a_server
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.domain.deployment import Served
from servery.ports import ShadowCopy
from servery.wiring import aws as shared
from servery.wiring import monitoring as wiring
from servery.wiring.settings import SystemClock

SHADOW = "1.1.1-dabc1234.sdef5678"


def function(verb: str) -> ModuleType:
    path = ROOT / "functions" / "monitoring" / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"monitoring_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    for module in (wiring, shared):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def servers(monkeypatch):
    body = '{"predictions":[{"class":"b"}]}'
    servers = FakeModelServers(answer=lambda _: {"status": 200, "body": body, "model_ms": 0.5})
    monkeypatch.setattr(wiring, "model_servers", lambda: servers)
    return servers


@pytest.fixture
def cloud(monkeypatch, servers):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_table(dynamodb, "RegistryTable", "registry")
        boto3.client("s3").create_bucket(Bucket="lake")
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        for stream in ("labels", "events"):
            boto3.client("firehose").create_delivery_stream(
                DeliveryStreamName=stream,
                ExtendedS3DestinationConfiguration={
                    "RoleARN": role["Role"]["Arn"],
                    "BucketARN": "arn:aws:s3:::lake",
                    "Prefix": f"{stream}/",
                },
            )
        url = boto3.client("sqs").create_queue(QueueName="shadows")["QueueUrl"]
        settings = {
            "POWERTOOLS_SERVICE_NAME": "monitoring",
            "REGISTRY_TABLE": "registry",
            "LAKE_BUCKET": "lake",
            "LABEL_STREAM": "labels",
            "EVENT_STREAM": "events",
            "SHADOW_QUEUE_URL": url,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        shadow = Served(ref=a_ref(SHADOW), server=a_server(2))
        registry = DynamoDbRegistry(dynamodb, "registry", SystemClock())
        registry.put_deployment(a_deployment(candidates=[shadow]))
        forget()
        yield url
        forget()


def a_copy(**changes: Any) -> ShadowCopy:
    values = {
        "model": "iris",
        "revision": 1,
        "request_id": "r-1",
        "shadow": SHADOW,
        "version": "1.1.0-dabc1234.sdef5678",
        "body": "{}",
        "base64": False,
        "answer": '{"predictions":[{"class":"a"}]}',
        "latency_ms": 1.0,
    }
    return ShadowCopy(**(values | changes))


def delivered(url: str) -> dict[str, Any]:
    """What waits in the queue, as Lambda is handed it."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
    )
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
            }
            for message in answer.get("Messages", [])
        ]
    }


def lake() -> dict[str, list[dict[str, Any]]]:
    """Lines by key."""
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket="lake").get("Contents", [])
    found = {}
    for entry in listed:
        body = s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read()
        found[entry["Key"]] = [json.loads(line) for line in body.splitlines()]
    return found


@pytest.mark.parametrize("size", [10, 300_000], ids=["in the message", "in the lake"])
def test_copy_becomes_a_comparison_when_it_was_sent(cloud, servers, size):
    wiring.shadow_queue().send(a_copy(body="x" * size))
    wiring.send_shadows(5.0)
    answer = function("compare").handler(delivered(cloud), Context("i", seconds=300))
    assert answer == {"batchItemFailures": []}
    (asked,) = servers.asked
    assert (asked.server.function, len(asked.event["body"])) == ("predictor:2", size)
    ((key, lines),) = [(k, v) for k, v in lake().items() if k.startswith("comparisons/")]
    assert key.startswith("comparisons/model=iris/day=2")
    assert [(line["classes"], line["shadow"]) for line in lines] == [([["a", "b"]], SHADOW)]


def test_nothing_is_made_when_no_copy_was_ever_sent(cloud):
    wiring.send_shadows(5.0)
    assert wiring.shadow_queue.cache_info().currsize == 0


def test_labels_are_in_the_lake_when_they_were_taken(cloud):
    labels = [{"request_id": "r", "row": n, "label": "a"} for n in range(3)]
    event = {
        "httpMethod": "POST",
        "resource": "/labels",
        "path": "/labels",
        "body": json.dumps({"model": "iris", "labels": labels}),
    }
    answer = function("label").handler(event, Context("i", seconds=29))
    assert answer["statusCode"] == 202, answer
    written = [line for key, lines in lake().items() if key.startswith("labels/") for line in lines]
    assert [line["row"] for line in written] == [0, 1, 2]
    assert {line["model"] for line in written} == {"iris"}
