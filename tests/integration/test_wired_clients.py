"""Which client a room gets, and where it finds AWS."""

from __future__ import annotations

import pytest
from fakes.aws_stub import AwsStub
from fakes.moto_aws import moto_account
from servery.adapters.lean_json import LeanJson
from servery.adapters.lean_lambda import Functions
from servery.adapters.lean_s3 import LeanS3
from servery.wiring import clients
from servery.wiring.clients import Patience

MADE = (clients.dynamodb, clients.sqs, clients.stepfunctions, clients.events, clients.firehose)
IMPATIENT = Patience(connect_s=1, read_s=1, attempts=1)


@pytest.fixture
def account(monkeypatch):
    moto_account(monkeypatch, "eu-central-1")
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)


@pytest.fixture
def in_lambda(account, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "jobs")


@pytest.fixture
def stub():
    stub = AwsStub()
    yield stub
    stub.close()


@pytest.mark.parametrize("make", MADE)
def test_boto3_is_not_asked_when_it_runs_in_lambda(in_lambda, make):
    client = make(Patience(connect_s=1, read_s=2, attempts=3))
    assert isinstance(client, LeanJson)
    assert (client.connect_s, client.read_s, client.retries.attempts) == (1, 2, 3)


@pytest.mark.parametrize("make", [*MADE, clients.functions])
def test_boto3_is_asked_when_it_does_not_run_in_lambda(account, make):
    config = make(Patience(connect_s=1, read_s=2, attempts=3)).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_functions_and_objects_are_asked_without_boto3_when_it_runs_in_lambda(in_lambda):
    assert isinstance(clients.functions(IMPATIENT), Functions)
    assert isinstance(clients.objects(IMPATIENT), LeanS3)


def test_client_of_boto3_is_made_once_when_it_is_first_asked(in_lambda, monkeypatch):
    made = []

    class Client:
        exceptions = "theirs"

    monkeypatch.setattr(clients, "sdk", lambda *asked: made.append(asked) or Client())
    client = clients.sns(IMPATIENT)
    assert made == []
    assert (client.exceptions, client.exceptions) == ("theirs", "theirs")
    assert made == [("sns", IMPATIENT)]


@pytest.mark.parametrize(
    ("make", "host"),
    [
        (clients.dynamodb, "dynamodb"),
        (clients.sqs, "sqs"),
        (clients.stepfunctions, "states"),
        (clients.events, "events"),
        (clients.firehose, "firehose"),
    ],
)
@pytest.mark.parametrize(
    ("region", "ending"),
    [("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")],
)
def test_address_is_the_one_that_boto3_has_when_none_is_set(
    account, monkeypatch, make, host, region, ending
):
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    theirs = make(IMPATIENT).meta.endpoint_url
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "jobs")

    assert make(IMPATIENT).connections.address == theirs == f"https://{host}.{region}.{ending}"


@pytest.mark.parametrize(
    ("make", "variable"),
    [
        (clients.dynamodb, "DYNAMODB"),
        (clients.sqs, "SQS"),
        (clients.stepfunctions, "SFN"),
        (clients.events, "EVENTBRIDGE"),
        (clients.firehose, "FIREHOSE"),
    ],
)
def test_address_is_that_of_the_service_when_several_are_set(account, monkeypatch, make, variable):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all:1")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{variable}", "http://one:2")
    theirs = make(IMPATIENT).meta.endpoint_url
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "jobs")

    assert make(IMPATIENT).connections.address == theirs == "http://one:2"
    assert clients.address("ssm", "SSM") == "http://all:1"


def test_credentials_are_those_of_the_moment_when_they_were_renewed(in_lambda, monkeypatch):
    client = clients.dynamodb(IMPATIENT)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    now = client.credentials()

    assert (now.access_key, now.session_token) == ("renewed", "token")


def test_trace_is_that_of_the_moment_when_lambda_names_one(in_lambda, monkeypatch):
    client = clients.dynamodb(IMPATIENT)
    assert client.trace() == ""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5")
    assert client.trace() == "Root=1-5"


def test_item_is_read_when_the_address_is_set(in_lambda, monkeypatch, stub):
    stub.items = [{"pk": {"S": "a"}, "sk": {"S": "b"}}]
    monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)

    answer = clients.dynamodb(IMPATIENT).get_item(TableName="t", Key=stub.items[0])

    assert answer["Item"] == stub.items[0]
