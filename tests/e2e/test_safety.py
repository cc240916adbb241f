"""What must not be possible: more than a policy allows, values in logs, open ports."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of

PROBE = """
import boto3, os
def handler(event, context):
    client = boto3.client(event["service"])
    try:
        getattr(client, event["operation"])(**event["parameters"])
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""


def denied(code: str) -> bool:
    """Whether an error code says that a policy does not allow it."""
    return "AccessDenied" in code or "NotAuthorized" in code


@pytest.fixture(scope="module")
def ask_as(stack: Stack) -> Any:
    """Run one AWS call under the role of one of the stack's functions."""
    functions = stack.client("lambda")
    made: dict[str, str] = {}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("probe.py", PROBE)

    def ask(logical: str, service: str, operation: str, **parameters: Any) -> str:
        if logical not in made:
            real = functions.get_function_configuration(
                FunctionName=stack.status["functions"][logical]
            )
            name = f"probe-{uuid.uuid4().hex[:8]}"
            functions.create_function(
                FunctionName=name,
                Role=real["Role"],
                Runtime=real["Runtime"],
                Handler="probe.handler",
                Timeout=30,
                Code={"ZipFile": archive.getvalue()},
            )
            functions.get_waiter("function_active_v2").wait(
                FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
            made[logical] = name
        event = {"service": service, "operation": operation, "parameters": parameters}
        answer = functions.invoke(FunctionName=made[logical], Payload=json.dumps(event))
        return str(json.loads(answer["Payload"].read()))

    yield ask
    for name in made.values():
        functions.delete_function(FunctionName=name)


@pytest.mark.needs("iam_enforcement")
def test_a_function_is_refused_when_it_asks_for_more_than_its_policy(
    stack: Stack, iris: dict, ask_as: Any
) -> None:
    artifacts = next(b for k, b in stack.status["buckets"].items() if "rtifact" in k)
    table = stack.status["outputs"]["RegistryTableName"]
    predictor = stack.status["functions"]["PredictorFunction"]
    key = {"pk": {"S": "model#iris"}, "sk": {"S": "deployment"}}
    assert ask_as("GatewayFunction", "dynamodb", "get_item", TableName=table, Key=key) == "allowed"
    refused = [
        ("GatewayFunction", "dynamodb", "delete_item", {"TableName": table, "Key": key}),
        ("GatewayFunction", "s3", "get_object", {"Bucket": artifacts, "Key": "models/x"}),
        ("GatewayFunction", "lambda", "delete_function", {"FunctionName": predictor}),
        (
            "GraphServeFunction",
            "s3",
            "put_object",
            {"Bucket": artifacts, "Key": "models/x", "Body": ""},
        ),
        ("GraphServeFunction", "lambda", "delete_function", {"FunctionName": predictor}),
        ("GraphServeFunction", "dynamodb", "update_item", {"TableName": table, "Key": key}),
        (
            "GatewayFunction",
            "dynamodb",
            "get_item",
            {
                "TableName": stack.status["outputs"]["FeaturesTableName"],
                "Key": {"pk": {"S": "entity#flower#f001"}},
            },
        ),
        (
            "PredictorFunction",
            "s3",
            "put_object",
            {"Bucket": artifacts, "Key": "models/x", "Body": ""},
        ),
        ("PredictorFunction", "s3", "get_object", {"Bucket": artifacts, "Key": "raw/x"}),
        ("PredictorFunction", "dynamodb", "get_item", {"TableName": table, "Key": key}),
        ("TrainingTrainFunction", "dynamodb", "get_item", {"TableName": table, "Key": key}),
        (
            "TrainingTrainFunction",
            "s3",
            "put_object",
            {"Bucket": artifacts, "Key": "models/x", "Body": ""},
        ),
    ]
    for logical, service, operation, parameters in refused:
        code = ask_as(logical, service, operation, **parameters)
        assert denied(code), f"{logical} {service}:{operation} -> {code}"


def test_no_value_of_a_request_is_logged_when_it_is_answered_or_refused(
    stack: Stack, iris: dict, web_url: str
) -> None:
    good = {**rows_of("iris", 1)[0][0], "sepal_length": 5.4321098}
    bad = {**good, "petal_length": "5.4321098 by word", "petal_width": -5.4321098}
    ids = [f"log-{uuid.uuid4().hex}" for _ in range(4)]
    for request, record in zip(ids[:2], (good, bad), strict=True):
        stack.infer("iris", {"records": [record]}, headers={"x-request-id": request})
    for request, record in zip(ids[2:], (good, bad), strict=True):
        httpx.post(
            f"{web_url}web/predict",
            json={"records": [record]},
            headers={"x-request-id": request, "x-api-key": stack.status["api_key"]},
        )
    found = logged(stack, ("GatewayFunction", "PredictorFunction", "WebSingleFunction"), ids)
    assert "5.4321098" not in found


def test_no_value_is_logged_when_jobs_and_batches_are_answered_or_refused(
    stack: Stack, iris: dict
) -> None:
    good = {**rows_of("iris", 1)[0][0], "sepal_length": 5.4321098}
    bad = {**good, "petal_length": "5.4321098 by word", "petal_width": -5.4321098}
    jobs = [
        stack.http.post("/v2/models/iris/jobs", json={"records": [record]}).json()["id"]
        for record in (good, bad)
    ]
    row = ",".join(map(str, good.values()))
    header = ",".join(good)
    ended = [
        batch_over(stack, content.encode())
        for content in (
            f"{row}\n{row}\n",  # without a header
            f"{header}\n{row}\n{row},5.4321098\n",
            f"{header}\n{row}\n",
        )
    ]
    assert [batch["state"] for batch in ended] == ["failed", "failed", "succeeded"]
    assert "5.4321098" not in json.dumps(ended)
    found = logged(stack, ("Jobs", "Batch", "Predictor"), [*jobs, *(b["id"] for b in ended)])
    assert "5.4321098" not in found


def batch_over(stack: Stack, content: bytes, model: str = "iris") -> dict[str, Any]:
    """The batch over a file of these bytes, once it is over."""
    key = f"inbox/{model}/{uuid.uuid4().hex}.csv"
    bucket = stack.status["outputs"]["ExchangeBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def over() -> dict[str, Any] | None:
        listed = stack.http.get("/batches", params={"model": model, "limit": "100"}).json()
        mine = [batch for batch in listed["batches"] if batch["source"].endswith(key)]
        final = mine and mine[0]["state"] in ("succeeded", "failed")
        return dict(mine[0]) if final else None

    return dict(wait_until(over, seconds=120, what=f"the batch over {key} ends"))


def logged(stack: Stack, rooms: tuple[str, ...], identities: list[str]) -> str:
    """What functions whose names begin so have logged, once it tells of all of these."""
    logs = stack.client("logs")

    def text() -> str | None:
        found = ""
        for logical, name in stack.status["functions"].items():
            if logical.startswith(rooms):
                pages = logs.get_paginator("filter_log_events").paginate(
                    logGroupName=f"/aws/lambda/{name}"
                )
                found += "\n".join(e["message"] for page in pages for e in page["events"])
        return found if all(identity in found for identity in identities) else None

    return str(wait_until(text, seconds=30, what="all of them are in the logs"))


@pytest.mark.needs("loopback_only")
def test_the_local_cloud_listens_on_loopback_only(stack: Stack) -> None:
    address = urlsplit(stack.status["endpoint_url"])
    assert address.port is not None
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            host, port = local.split(":")
            if state == "0A" and int(port, 16) == address.port:
                listening.append(host)
    assert listening == ["0100007F"], "127.0.0.1 and nothing else"
