"""The functions that carry out jobs and call back, as the template wires them, on emulated AWS."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import boto3
import pytest
from fakes.job_plant import Context
from fakes.job_servers import JobServers, answered, refused
from fakes.jobs import a_job
from fakes.jobs_office import deployment_of
from fakes.moto_aws import moto_account
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.domain.jobs import MAX_TRIES, CallbackState, JobState
from servery.domain.signing import JOB, SIGNATURE, TIMESTAMP, verify
from servery.errors import ModelServerError
from servery.wiring import aws as shared
from servery.wiring import jobs as wiring
from servery.wiring import monitoring
from servery.wiring.settings import SystemClock

GOOD, BAD, POISON = (f"{n:026x}" for n in range(3))
NOW = SystemClock().now()


def function(verb: str) -> ModuleType:
    path = ROOT / "functions" / "jobs" / f"{verb}.py"
    spec = importlib.util.spec_from_file_location(f"jobs_{verb}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    for module in (wiring, shared, monitoring):
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


class Hook:
    """Whoever asked to be told, on loopback."""

    def __init__(self) -> None:
        calls: list[tuple[dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.calls = calls
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def servers(monkeypatch):
    def answer(body: str):
        if "poison" in body:
            return ModelServerError("the model server failed: Runtime.ExitError")
        return refused() if "bad" in body else answered(body)

    servers = JobServers(answer)
    monkeypatch.setattr(wiring, "model_servers", lambda: servers)
    return servers


@pytest.fixture
def cloud(monkeypatch, servers):
    """The resources and the environment that the template gives."""
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        create_table(boto3.client("dynamodb"), "JobsTable", "jobs")
        create_table(boto3.client("dynamodb"), "RegistryTable", "registry")
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
        settings = {
            "POWERTOOLS_SERVICE_NAME": "jobs",
            "EXCHANGE_BUCKET": "exchange",
            "JOBS_TABLE": "jobs",
            "REGISTRY_TABLE": "registry",
            "PREDICTION_LOG_STREAM": "log",
            "CALLBACK_SECRET": "/servery/test/callback-secret",
            "CALLBACK_ALLOWED_NETWORKS": "127.0.0.1/32",
        }
        sqs = boto3.client("sqs")
        for name in ("JOBS_QUEUE_URL", "JOBS_DEAD_QUEUE_URL", "CALLBACK_QUEUE_URL"):
            settings[name] = sqs.create_queue(QueueName=name.lower())["QueueUrl"]
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()
        wiring.registry().put_deployment(deployment_of("iris"))
        yield settings
        forget()


def fresh(job_id: str, **changes: Any):
    now = NOW.timestamp()
    created = NOW.isoformat(timespec="microseconds")
    times = {"created": created, "expires": now + 1000, "due": now + 30}
    return a_job(job_id, **(times | changes))


def event(cloud, queue: str) -> dict[str, Any]:
    """What the queue has, as Lambda's poller hands it over."""
    url = cloud[queue]
    got = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
    )
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
                "awsRegion": "us-east-1",
            }
            for message in got.get("Messages", [])
        ]
    }


def test_worker_answers_refuses_and_retries_on_real_adapters(cloud, servers):
    store = wiring.job_store()
    for job_id, word in ((GOOD, "good"), (BAD, "bad"), (POISON, "poison")):
        store.add(fresh(job_id, body=json.dumps({"records": [word]})))
    wiring.job_queue().send([GOOD, BAD, POISON, GOOD])
    sent = event(cloud, "JOBS_QUEUE_URL")
    answer = function("work").handler(sent, Context("invocation-1"))
    [poison] = [r["messageId"] for r in sent["Records"] if r["body"] == POISON]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison}]}
    jobs = store.get_many([GOOD, BAD, POISON])
    assert [jobs[i].state for i in (GOOD, BAD, POISON)] == [
        JobState.DONE,
        JobState.FAILED,
        JobState.QUEUED,
    ]
    assert jobs[GOOD].result == answered(jobs[GOOD].body)["body"]
    assert jobs[GOOD].due is None
    assert jobs[BAD].status == 422
    lake = boto3.client("s3")
    keys = [o["Key"] for o in lake.list_objects_v2(Bucket="lake").get("Contents", [])]
    lines = b"".join(lake.get_object(Bucket="lake", Key=k)["Body"].read() for k in keys)
    entries = [json.loads(line) for line in lines.splitlines()]
    assert sorted(entry["status"] for entry in entries) == [200, 422]
    assert {entry["route"] for entry in entries} == {"job"}


def test_poison_is_in_the_dead_queue_when_its_tries_are_used_up(cloud, servers):
    store = wiring.job_store()
    store.add(fresh(POISON, body=json.dumps({"records": ["poison"]})))
    work = function("work")
    for _ in range(MAX_TRIES):
        wiring.job_queue().send([POISON])
        work.handler(event(cloud, "JOBS_QUEUE_URL"), Context("invocation"))
    job = store.get(POISON)
    assert (job.state, job.tries, job.status) == (JobState.FAILED, MAX_TRIES, 500)
    assert json.loads(job.result)["status"] == 500
    assert list(wiring.dead_jobs().take(10).values()) == [POISON]


def test_caller_is_told_with_a_signature_that_it_can_check(cloud, servers, hook):
    store = wiring.job_store()
    store.add(fresh(GOOD, callback_url=hook.url))
    wiring.job_queue().send([GOOD])
    function("work").handler(event(cloud, "JOBS_QUEUE_URL"), Context("invocation-1"))
    assert store.get(GOOD).callback is CallbackState.PENDING
    answer = function("call_back").handler(event(cloud, "CALLBACK_QUEUE_URL"), Context("call-1"))
    assert answer == {"batchItemFailures": []}
    assert store.get(GOOD).callback is CallbackState.DELIVERED
    [(headers, body)] = hook.calls
    assert headers[JOB] == GOOD
    assert json.loads(body)["result"] == json.loads(answered(store.get(GOOD).body)["body"])
    parameter = boto3.client("ssm").get_parameter(
        Name=cloud["CALLBACK_SECRET"], WithDecryption=True
    )
    assert verify(
        parameter["Parameter"]["Value"],
        body,
        timestamp=headers[TIMESTAMP],
        signature=headers[SIGNATURE],
        now=SystemClock().now().timestamp(),
    )


def test_callback_comes_back_when_nobody_answers(cloud, servers):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        store = wiring.job_store()
        store.add(fresh(GOOD, callback_url=url))
        wiring.job_queue().send([GOOD])
        function("work").handler(event(cloud, "JOBS_QUEUE_URL"), Context("invocation-1"))
        call_back = function("call_back")
        answer = call_back.handler(event(cloud, "CALLBACK_QUEUE_URL"), Context("call-1"))
    assert len(answer["batchItemFailures"]) == 1
    job = store.get(GOOD)
    assert (job.callback, job.callback_tries) == (CallbackState.PENDING, 1)


def test_message_that_names_no_job_is_in_the_dead_queue(cloud, servers):
    boto3.client("sqs").send_message(QueueUrl=cloud["JOBS_QUEUE_URL"], MessageBody="what is this")
    sent = event(cloud, "JOBS_QUEUE_URL")
    answer = function("work").handler(sent, Context("invocation-1"))
    assert answer == {"batchItemFailures": []}
    assert list(wiring.dead_jobs().take(10).values()) == ["what is this"]
