"""What is asked of Lambda without boto3, beside calls of model servers."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from fakes.clock import SetClock
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, gives, serving
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lambda_look_queue import LambdaLookQueue
from servery.adapters.lean_lambda import LeanLambda
from servery.adapters.sigv4 import Credentials
from servery.adapters.standard_retries import StandardRetries
from servery.errors import UnavailableError

CONFIGURATION = b'{"FunctionName": "predictor", "CodeSha256": "abc="}'
BUSY = gives(429, b'{"Type": "User"}', x_amzn_errortype="TooManyRequestsException")
MISSING = gives(404, b"{}", x_amzn_errortype="ResourceNotFoundException:http://aws/")


def lean(address, attempts):
    api = LeanLambda(
        connections=KeptConnections(address),
        region=REGION,
        credentials=lambda: Credentials(ACCESS_KEY, SECRET_KEY),
        clock=SetClock(),
    )
    return api.within(5.0, StandardRetries(attempts, sleep=lambda seconds: None))


def of_boto3(address, attempts):
    return boto3.client(
        "lambda",
        endpoint_url=address,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )


@pytest.fixture(params=[lean, of_boto3])
def client(request, monkeypatch):
    if request.param is of_boto3:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
    return request.param


def test_state_of_a_function_is_told_when_lambda_was_busy_first(client):
    with serving(BUSY, gives(200, CONFIGURATION)) as (address, asked):
        told = client(address, 2).get_function_configuration(FunctionName="predictor:7")

    assert told["CodeSha256"] == "abc="
    assert asked == ["/2015-03-31/functions/predictor%3A7/configuration"] * 2


@pytest.mark.parametrize(
    ("answer", "code", "tries"),
    [(BUSY, "TooManyRequestsException", 2), (MISSING, "ResourceNotFoundException", 1)],
)
def test_code_is_told_when_lambda_refuses(client, answer, code, tries):
    with serving(answer) as (address, asked), pytest.raises(ClientError) as refused:
        client(address, 2).get_function_configuration(FunctionName="predictor")

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.operation_name == "GetFunctionConfiguration"
    assert len(asked) == tries


def test_nobody_waits_for_the_function_when_it_is_handed_an_event(client):
    sent = []

    def take(handler):
        sent.append((handler.path, handler.headers["x-amz-invocation-type"]))
        gives(202)(handler)

    with serving(take) as (address, _):
        answer = client(address, 1).invoke(
            FunctionName="watch", InvocationType="Event", Payload=b"{}"
        )

    assert answer["StatusCode"] == 202
    assert sent == [("/2015-03-31/functions/watch/invocations", "Event")]


def test_unavailable_when_the_function_cannot_be_handed_an_event(client):
    with serving(MISSING) as (address, _), pytest.raises(UnavailableError):
        LambdaLookQueue(client(address, 1), "watch").start("iris", "look-1")
