"""The function of staged requests on emulated AWS: what it reads, writes and sends for real."""

from __future__ import annotations

import importlib.util
import json

import boto3
import pytest
from fakes.deployed import classifier, deploy, number, text
from fakes.moto_aws import moto_account
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.template import ROOT, create_table
from moto import mock_aws
from msgspec.structs import replace
from servery.domain.jobs import JobState
from servery.wiring import aws as shared
from servery.wiring import monitoring, multi_stage, submitting

LIGHT, HEAVY = "visit-light", "visit-heavy"
ROW = {"age": 41, "stay": 3.5, "letter": "short of breath"}


class Context:
    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self):
        return 29_000


def forget():
    for module in (multi_stage, monitoring, submitting, shared):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def queue(monkeypatch):
    """Two models are released, and no server of either is there; the address of the queue."""
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        for table in ("JobsTable", "RegistryTable"):
            create_table(boto3.client("dynamodb"), table, table)
        s3, sqs = boto3.client("s3"), boto3.client("sqs")
        for bucket in ("artifacts", "exchange"):
            s3.create_bucket(Bucket=bucket)
        url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
        settings = {
            "POWERTOOLS_SERVICE_NAME": "multi_stage",
            "ARTIFACTS_BUCKET": "artifacts",
            "EXCHANGE_BUCKET": "exchange",
            "JOBS_TABLE": "JobsTable",
            "REGISTRY_TABLE": "RegistryTable",
            "JOBS_QUEUE_URL": url,
            "JOB_RETENTION_DAYS": "7",
            "PREDICTION_LOG_STREAM": "predictions",
        }
        s3.create_bucket(Bucket="lake")
        boto3.client("firehose").create_delivery_stream(
            DeliveryStreamName="predictions",
            S3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::1:role/r",
                "BucketARN": "arn:aws:s3:::lake",
            },
        )
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()
        for deployment in released(s3):
            shared.registry().put_deployment(deployment)
        yield url
        monitoring.prediction_log().flush(2.0)
        forget()


def released(s3):
    registry, objects = MemoryRegistry(), MemoryObjectStore()
    light = classifier(["home", "ward"], number("age"), number("stay"))
    heavy = classifier(["home", "ward"], number("age"), text("letter"))
    found = [
        replace(deploy(registry, objects, LIGHT, light), second_stage=HEAVY),
        deploy(registry, objects, HEAVY, heavy),
    ]
    for key, content in objects.objects.items():
        s3.put_object(Bucket="artifacts", Key=key, Body=content)
    return found


@pytest.fixture
def send(queue):
    path = ROOT / "functions" / "multi_stage" / "serve.py"
    spec = importlib.util.spec_from_file_location("multi_stage_serve", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def send(body, model=LIGHT):
        event = {
            "httpMethod": "POST",
            "path": f"/v2/models/{model}/staged",
            "headers": {"x-request-id": "r-1"},
            "body": json.dumps(body),
        }
        answer = module.handler(event, Context())
        return answer["statusCode"], answer["headers"], json.loads(answer["body"])

    return send


def test_job_is_kept_and_sent_when_no_server_of_the_light_model_is_there(send, queue):
    status, headers, body = send({"records": [ROW]})

    assert (status, body["predictions"], body["error"]["status"]) == (202, None, 503)
    job = submitting.job_store().get(body["next"]["job"])
    assert (job.model, job.stage, job.state, job.sent) == (HEAVY, "heavy", JobState.QUEUED, 1)
    assert json.loads(job.body) == {"records": [{"age": 41, "letter": "short of breath"}]}
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == job.id
    assert headers["location"].endswith(job.id)


def test_large_body_of_the_heavy_model_is_in_the_bucket_when_it_does_not_fit_the_table(send):
    letter = "ü" * 60_000
    _, _, body = send({"records": [{**ROW, "letter": letter}]})

    job = submitting.job_store().get(body["next"]["job"])
    kept = boto3.client("s3").get_object(Bucket="exchange", Key=job.body_key)["Body"].read()
    assert json.loads(kept)["records"][0]["letter"] == letter


def test_503_that_names_both_when_the_table_of_jobs_is_gone(send):
    boto3.client("dynamodb").delete_table(TableName="JobsTable")

    status, _, body = send({"records": [ROW]})

    assert status == 503
    assert "neither stage can answer" in body["detail"]


def test_404_when_the_model_has_no_second_stage(send):
    assert send({"records": [ROW]}, model=HEAVY)[0] == 404
