"""The gateway's function under the real runtime: what happens before and after the response."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from fakes.aws_stub import AwsStub, Invoked
from fakes.clock import SetClock
from fakes.lambda_platform import LambdaPlatform
from fakes.model_servers import echo
from fakes.records import a_deployment
from fakes.template import ROOT, create_table
from moto import mock_aws
from servery.adapters.dynamodb_registry import DynamoDbRegistry

REGION = "eu-central-1"
BODY = '{"records": [{"sepal_length": 5.1}]}'
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
}


@pytest.fixture(scope="module")
def items():
    """What the registry's table holds, as the registry itself wrote it."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        create_table(client, "RegistryTable", "registry")
        DynamoDbRegistry(client, "registry", SetClock()).put_deployment(a_deployment())
        return client.scan(TableName="registry")["Items"]


@pytest.fixture
def stub(items):
    stub = AwsStub(
        invoke=lambda function, event: Invoked(json.dumps(echo(event)).encode()), items=items
    )
    yield stub
    stub.close()


@pytest.fixture
def run(stub, tmp_path):
    """Starts the function's process on a platform; its output lands in a file."""
    started = []

    def start(platform: LambdaPlatform) -> Path:
        output = tmp_path / "output"
        environment = {
            **CREDENTIALS,
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT / "layers/core"),
            "LAMBDA_TASK_ROOT": str(ROOT / "functions/gateway"),
            "AWS_LAMBDA_FUNCTION_NAME": "gateway",
            "AWS_LAMBDA_RUNTIME_API": platform.address,
            "AWS_ENDPOINT_URL_DYNAMODB": stub.url,
            "AWS_ENDPOINT_URL_LAMBDA": stub.url,
            "AWS_ENDPOINT_URL_FIREHOSE": stub.url,
            "POWERTOOLS_SERVICE_NAME": "gateway",
            "REGISTRY_TABLE": "registry",
            "PREDICTION_LOG_STREAM": "predictions",
        }
        stub.calls = platform.note
        with output.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", "serve.handler"],
                cwd=ROOT / "functions/gateway",
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        started.append((process, platform))
        return output

    yield start
    for process, platform in started:
        process.kill()
        process.wait()
        platform.close()


def infer(model: str = "iris") -> dict:
    return {
        "resource": "/v2/models/{model}/infer",
        "path": f"/v2/models/{model}/infer",
        "httpMethod": "POST",
        "pathParameters": {"model": model},
        "headers": {"x-request-id": "r-1", "content-type": "application/json"},
        "requestContext": {"requestId": "platform-1"},
        "body": BODY,
    }


def lost(output: Path) -> list[dict]:
    lines = (line for line in output.read_text().splitlines() if "PredictionLogLost" in line)
    return [json.loads(line) for line in lines]


def test_response_leaves_before_the_log_is_written_when_lambda_takes_extensions(run, stub):
    platform = LambdaPlatform()
    run(platform)
    for number in (1, 2):
        response = platform.invoke(f"aws-{number}", infer())
        assert response["statusCode"] == 200, response
        platform.wait_for("extension next", number + 1)  # only now would Lambda freeze it
        assert len(stub.records) == number
    assert platform.registered == ["servery-after-response"]
    once = ["Invoke", "response", "PutRecordBatch", "extension next"]
    happened = [what for what in platform.timeline if what not in {"runtime next", "GetItem"}]
    assert happened == ["extension next", *once, *once]
    entry = json.loads(stub.records[0])
    assert entry["request_id"] == "r-1"
    assert entry["status"] == 200
    assert entry["input"] == json.loads(BODY)


@pytest.mark.slow
def test_lines_are_counted_as_lost_in_time_when_firehose_takes_none(run, stub):
    stub.broken = True
    platform = LambdaPlatform()
    output = run(platform)
    platform.invoke("aws-1", infer(), seconds=8)  # a first call has to start
    platform.wait_for("extension next", 2)
    assert [line["PredictionLogLost"] for line in lost(output)] == [1]
    assert lost(output)[0]["service"] == "gateway"
    assert stub.puts > 1
    response = platform.invoke("aws-2", infer(), seconds=2.0)
    assert response["statusCode"] == 200
    platform.wait_for("extension next", 3, seconds=2.0)
    assert len(lost(output)) == 2


def test_log_is_written_by_a_plain_thread_when_there_are_no_extensions(run, stub):
    platform = LambdaPlatform(extensions=False)
    run(platform)
    response = platform.invoke("aws-1", infer())
    assert response["statusCode"] == 200
    platform.wait_for("PutRecordBatch")
    assert "extension next" not in platform.timeline


def test_failed_requests_are_logged_without_their_input_when_the_model_is_unknown(run, stub):
    platform = LambdaPlatform()
    run(platform)
    response = platform.invoke("aws-1", infer("no-such-model"))
    assert response["statusCode"] == 404
    platform.wait_for("extension next", 2)
    entry = json.loads(stub.records[0])
    assert (entry["model"], entry["error"], entry["input"]) == ("unknown", "NotFoundError", None)
