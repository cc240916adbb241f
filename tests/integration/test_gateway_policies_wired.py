"""The gateway's function as it is wired, on emulated AWS: what each policy reads and writes."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from itertools import count

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from fakes.aws_stub import AwsStub, Invoked
from fakes.deployed import deploy
from fakes.dynamodb_emulator import REGION, emulated_dynamodb
from fakes.moto_aws import moto_account
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.signatures import FLOWER, FLOWERS
from fakes.template import ROOT
from msgspec.structs import replace
from servery.domain.deployment import Served
from servery.domain.inference import AnswerContext, Prediction
from servery.domain.policies import (
    BreakerPolicy,
    CachePolicy,
    CircuitPolicy,
    ConcurrencyLimit,
    Fallback,
    FallbackKind,
    Policies,
    RateLimit,
    RoutingPolicy,
    Shadow,
    Threshold,
)
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.wiring import aws, caching, circuit, gateway, monitoring, policies, submitting

TABLES = {name: name for name in ("CacheTable", "JobsTable", "LimitsTable", "RegistryTable")}
MODULES = (aws, caching, circuit, gateway, monitoring, policies, submitting)
CODEC = Codec(FLOWERS, Limits())
numbers = count(1)


class Context:
    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self):
        return 29_000


def predicting(function, event):
    """A model server of flowers that are all a little versicolor."""
    question = CODEC.decode(event["body"].encode())
    scores = np.tile(np.array([[0.6, 0.39, 0.01]], np.float32), (question.rows, 1))
    context = AnswerContext(
        model=event["ref"]["model"],
        model_version=event["ref"]["version"],
        request_id=event["request_id"],
        served_by=event["route"],
        cache=event["cache"],
    )
    answers = np.array(["setosa"] * question.rows, object)
    body = CODEC.encode(question, Prediction(answers, scores), context).decode()
    reply = {"status": 200, "body": body, "model_version": context.model_version}
    return Invoked(json.dumps({**reply, "rows": question.rows}).encode())


@pytest.fixture(scope="module")
def address():
    with emulated_dynamodb(TABLES, "s3", "sqs", "firehose") as address:
        yield address


@pytest.fixture
def stub():
    stub = AwsStub(invoke=predicting)
    yield stub
    stub.close()


@pytest.fixture
def client(address, stub, monkeypatch):
    """Makes clients; the function's environment is that of the template, as far as it needs it."""
    moto_account(monkeypatch, REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", stub.url)
    for bucket in ("artifacts", "exchange", "lake"):
        place = {"LocationConstraint": REGION}
        with suppress(ClientError):  # it is there from the last test
            boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    sqs = boto3.client("sqs")
    settings = {
        "POWERTOOLS_SERVICE_NAME": "gateway",
        "ARTIFACTS_BUCKET": "artifacts",
        "EXCHANGE_BUCKET": "exchange",
        "LAKE_BUCKET": "lake",
        "CACHE_TABLE": "CacheTable",
        "JOBS_TABLE": "JobsTable",
        "LIMITS_TABLE": "LimitsTable",
        "REGISTRY_TABLE": "RegistryTable",
        "JOBS_QUEUE_URL": sqs.create_queue(QueueName="jobs")["QueueUrl"],
        "SHADOW_QUEUE_URL": sqs.create_queue(QueueName="shadow")["QueueUrl"],
        "JOB_RETENTION_DAYS": "7",
        "PREDICTION_LOG_STREAM": "predictions",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    forget()
    yield boto3.client
    forget()


def forget():
    for module in MODULES:
        for made in list(vars(module).values()):
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@pytest.fixture
def release(client):
    """Releases a model of its own for each call, since a record is kept for two seconds."""

    def release(**parts):
        name = f"flowers-{next(numbers)}"
        objects, registry = MemoryObjectStore(), MemoryRegistry()
        deployment = deploy(registry, objects, name, FLOWERS)
        for key, content in objects.objects.items():
            client("s3").put_object(Bucket="artifacts", Key=key, Body=content)
        champion = deployment.champion
        candidate = Served(ref=replace(champion.ref, version="9.9.9-a.b"), server=champion.server)
        changed = replace(deployment, candidates=[candidate], policies=Policies(**parts))
        aws.registry().put_deployment(changed)
        return name

    return release


@pytest.fixture
def send(client):
    path = ROOT / "functions" / "gateway" / "serve.py"
    spec = importlib.util.spec_from_file_location("gateway_serve", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def send(model, body, request_id="r-1"):
        event = {
            "httpMethod": "POST",
            "path": f"/v2/models/{model}/infer",
            "headers": {"x-request-id": request_id},
            "body": json.dumps(body),
        }
        answer = module._api().serve(event, Context())
        policies.settle(5.0)  # what the handler does after the response, in a thread
        return answer["statusCode"], answer["headers"], json.loads(answer["body"])

    return send


RECORDS = {"records": [FLOWER, {**FLOWER, "petal_width": 2.0}]}
TENSORS = {
    "inputs": [
        {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
        for name, value in FLOWER.items()
    ]
}


@pytest.mark.parametrize("body", [RECORDS, TENSORS])
def test_repeat_is_answered_from_the_table_when_another_process_asks(release, send, body):
    model = release(cache=CachePolicy())
    _, first, fresh = send(model, body)
    caching.prediction_cache.cache_clear()  # another process knows the table alone
    _, second, repeated = send(model, body, "r-2")

    assert (first["x-cache"], second["x-cache"]) == ("miss", "hit")
    told = [repeated.pop("parameters", repeated), fresh.pop("parameters", fresh)]
    for said, cache, request in zip(told, ("hit", "miss"), ("r-2", "r-1"), strict=True):
        assert (said.pop("cache"), said.pop("request_id")) == (cache, request)
    assert (repeated, told[0]) == (fresh, told[1])


def test_excess_becomes_jobs_when_the_rate_is_used_up(release, send):
    circuit = CircuitPolicy(
        rate=RateLimit(per_second=0.001), fallback=Fallback(kind=FallbackKind.QUEUE)
    )
    model = release(circuit=circuit)
    assert send(model, RECORDS)[0] == 200
    status, headers, body = send(model, RECORDS)

    assert (status, headers["x-served-by"], body["degraded"]) == (202, "fallback:queue", True)
    job = submitting.job_store().get(headers["location"].rpartition("/")[2])
    assert (job.model, json.loads(job.body)) == (model, RECORDS)


def test_server_is_left_alone_when_it_keeps_failing(release, send, stub):
    stub.invoke = lambda function, event: Invoked(b'{"errorType":"Crash"}', error="Unhandled")
    model = release(
        circuit=CircuitPolicy(
            concurrency=ConcurrencyLimit(at_once=2), breaker=BreakerPolicy(failures=2)
        )
    )
    assert [send(model, RECORDS)[0] for _ in range(2)] == [500, 500]
    asked = []
    stub.calls = asked.append
    status, headers, body = send(model, RECORDS)

    assert (status, body["type"]) == (503, "urn:servery:problem:refused")
    assert int(headers["retry-after"]) >= 1
    assert "Invoke" not in asked


def test_last_known_answer_is_given_when_the_cache_was_purged_and_nobody_may_be_asked(
    release, send
):
    circuit = CircuitPolicy(
        rate=RateLimit(per_second=0.001), fallback=Fallback(kind=FallbackKind.LAST_KNOWN)
    )
    model = release(circuit=circuit, cache=CachePolicy())
    _, _, fresh = send(model, RECORDS)
    deployment = aws.registry().deployment(model)
    purged = Policies(circuit=circuit, cache=CachePolicy(generation=1))
    aws.registry().put_deployment(replace(deployment, revision=2, policies=purged))
    aws.lean_deployments().forget(model)
    status, headers, body = send(model, RECORDS)

    assert (status, headers["x-served-by"]) == (200, "fallback:last_known")
    assert (body["degraded"], body["predictions"]) == (True, fresh["predictions"])
    assert send(model, {"records": [{**FLOWER, "petal_width": 2.5}]})[0] == 503


def test_copy_waits_for_the_shadow_when_the_response_has_left(release, send, client):
    model = release(routing=RoutingPolicy(shadow=Shadow(version="9.9.9-a.b")))
    assert send(model, RECORDS)[0] == 200

    url = client("sqs").get_queue_url(QueueName="shadow")["QueueUrl"]
    (message,) = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert model in message["Body"]


def test_classes_come_out_of_the_manifest_when_a_threshold_decides_tensors(release, send):
    threshold = Threshold(positive="versicolor", at=0.3, otherwise="setosa")
    model = release(routing=RoutingPolicy(threshold=threshold))
    status, _, body = send(model, TENSORS)

    assert status == 200
    assert body["outputs"][0]["data"] == ["versicolor"]


def test_answers_go_on_when_the_tables_of_the_policies_are_gone(release, send, monkeypatch):
    monkeypatch.setenv("CACHE_TABLE", "gone")
    monkeypatch.setenv("LIMITS_TABLE", "gone")
    forget()
    model = release(
        cache=CachePolicy(),
        circuit=CircuitPolicy(
            rate=RateLimit(per_second=0.001),
            concurrency=ConcurrencyLimit(at_once=1),
            breaker=BreakerPolicy(),
        ),
    )
    for _ in range(3):
        assert send(model, RECORDS)[0] == 200
