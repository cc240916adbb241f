"""Clients without boto3 beside boto3's: the same calls, the same faults, the same outcome."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from fakes.clock import SetClock
from fakes.dynamodb_server import dynamodb_server, lean_client
from fakes.moto_aws import moto_account, moto_table
from fakes.records import a_deployment
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN
from moto import mock_aws
from msgspec.structs import replace
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.adapters.lean_json import EVENTS, SQS, STEP_FUNCTIONS
from servery.adapters.sqs_jobs import SqsDeadJobs, SqsJobQueue
from servery.adapters.sqs_visibility import SqsVisibility
from servery.adapters.stepfunctions_executions import start_execution
from servery.adapters.stepfunctions_search_queue import StepFunctionsSearchQueue
from servery.errors import ConflictError, FaultError, ThrottledError, UnavailableError

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
GET = {"TableName": "registry", "Key": KEY}
ONCE = {
    "TableName": "registry",
    "Item": {**KEY, "doc": {"S": "1"}},
    "ConditionExpression": "attribute_not_exists(pk)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
TAKEN = "a#b"


@pytest.fixture
def server(monkeypatch):
    with (
        moto_table(monkeypatch, "RegistryTable", "registry") as client,
        dynamodb_server(client) as told,
    ):
        yield told


def of_boto3(server, *, attempts=1, read_s=5.0):
    """A client of boto3 that waits for nothing between its tries."""
    retries = {"mode": "standard", "total_max_attempts": attempts}
    return boto3.client(
        "dynamodb",
        endpoint_url=server.address,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=TOKEN,
        config=Config(connect_timeout=5, read_timeout=read_s, retries=retries),
    )


@pytest.fixture(params=["boto3", "lean"])
def ask(request, server, monkeypatch):
    """Makes a client of the server's."""
    monkeypatch.setattr("time.sleep", lambda seconds: None) if request.param == "boto3" else None
    make = of_boto3 if request.param == "boto3" else lean_client
    return lambda **how: make(server, **how)


class TestRefusals:
    def test_code_and_item_are_told_when_a_condition_is_not_met(self, ask):
        client = ask()
        client.put_item(**ONCE)

        with pytest.raises(ClientError) as refused:
            client.put_item(**ONCE)

        told = refused.value.response
        assert told["Error"]["Code"] == "ConditionalCheckFailedException"
        assert told["Error"]["Message"] == "The conditional request failed"
        assert told["Item"] == ONCE["Item"]
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert told["ResponseMetadata"]["RetryAttempts"] == 0
        assert refused.value.operation_name == "PutItem"

    def test_reason_of_each_part_is_told_when_a_transaction_is_cancelled(self, ask):
        client = ask()
        client.put_item(**ONCE)
        other = {**ONCE, "Item": {**KEY, "pk": {"S": "c"}}}
        parts = [{"Put": other}, {"Put": ONCE}]

        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=parts)

        told = refused.value.response
        assert told["Error"]["Code"] == "TransactionCanceledException"
        assert [r["Code"] for r in told["CancellationReasons"]] == [
            "None",
            "ConditionalCheckFailed",
        ]


class TestRetries:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
            (400, "ProvisionedThroughputExceededException"),
            (400, "ThrottlingException"),
            (400, "TransactionInProgressException"),
        ],
    )
    def test_call_is_tried_again_when_the_fault_may_pass(self, ask, server, status, kind):
        server.refusals = [(status, kind)] * 2

        answer = ask(attempts=3).get_item(**GET)

        assert answer["ResponseMetadata"]["RetryAttempts"] == 2
        assert server.operations == ["GetItem"] * 3

    def test_call_is_tried_again_when_the_connection_breaks(self, ask, server):
        server.drops = 1

        assert ask(attempts=2).get_item(**GET)["ResponseMetadata"]["RetryAttempts"] == 1

    def test_refusal_is_raised_when_the_last_try_is_refused_too(self, ask, server):
        server.refusals = [(400, "ThrottlingException")] * 3

        with pytest.raises(ClientError) as refused:
            ask(attempts=2).get_item(**GET)

        metadata = refused.value.response["ResponseMetadata"]
        assert (metadata["RetryAttempts"], metadata["MaxAttemptsReached"]) == (1, True)
        assert server.operations == ["GetItem"] * 2
        assert "reached max retries: 1" in str(refused.value)

    def test_call_is_tried_once_when_it_is_refused_for_good(self, ask, server):
        server.refusals = [(400, "ValidationException")]

        with pytest.raises(ClientError, match="ValidationException"):
            ask(attempts=4).get_item(**GET)

        assert server.operations == ["GetItem"]

    def test_time_out_is_raised_when_no_try_is_answered_in_time(self, ask, server):
        client = ask(attempts=2, read_s=0.2)
        released = server.lock
        with released, pytest.raises(ReadTimeoutError):
            client.get_item(**GET)

        assert server.operations == ["GetItem"] * 2

    def test_closed_connection_is_raised_when_every_one_breaks(self, ask, server):
        server.drops = 9

        with pytest.raises(ConnectionClosedError):
            ask(attempts=2).get_item(**GET)

    def test_address_is_told_when_nobody_listens(self, ask, server):
        server.address = "http://127.0.0.1:1"

        with pytest.raises(EndpointConnectionError, match=r"127\.0\.0\.1:1"):
            ask(attempts=2).get_item(**GET)

    def test_transaction_is_the_same_one_when_it_is_sent_again(self, ask, server):
        server.lost = 1
        client = ask(attempts=2)
        put = {"TableName": "registry", "Item": ONCE["Item"]}
        for _ in range(2):
            client.transact_write_items(TransactItems=[{"Put": put}])

        first, again, other = (body["ClientRequestToken"] for body in server.bodies)
        assert first == again != other


class TestRegistry:
    """An adapter that looks at what its calls were answered, with either client."""

    def test_write_has_succeeded_when_only_its_answer_was_lost(self, ask, server):
        registry = DynamoDbRegistry(ask(attempts=3), "registry", SetClock())
        stored = a_deployment()
        registry.put_deployment(stored)
        server.lost = 1

        registry.put_deployment(replace(stored, revision=stored.revision + 1))

        assert registry.deployment(stored.model).revision == stored.revision + 1

    def test_conflict_is_raised_when_another_one_has_written(self, ask):
        registry = DynamoDbRegistry(ask(attempts=3), "registry", SetClock())
        registry.put_deployment(a_deployment())

        with pytest.raises(ConflictError):
            registry.put_deployment(a_deployment())

    @pytest.mark.parametrize(
        ("refusal", "error"),
        [
            ((400, "ThrottlingException"), ThrottledError),
            ((500, "InternalServerError"), UnavailableError),
            ((400, "AccessDeniedException"), FaultError),
        ],
    )
    def test_error_says_what_to_do_when_the_table_refuses(self, ask, server, refusal, error):
        server.refusals = [refusal] * 9

        with pytest.raises(error):
            DynamoDbRegistry(ask(attempts=2), "registry", SetClock()).models()

    def test_unavailable_when_the_table_gives_no_answer(self, ask, server):
        server.drops = 9

        with pytest.raises(UnavailableError, match="no answer"):
            DynamoDbRegistry(ask(attempts=2), "registry", SetClock()).models()


class TestPages:
    @pytest.fixture
    def filled(self, ask):
        client = ask()
        for number in range(7):
            client.put_item(TableName="registry", Item={**KEY, "sk": {"S": str(number)}})
        return client

    @pytest.mark.parametrize(
        ("bounds", "sizes"),
        [
            ({"PageSize": 3}, [3, 3, 1]),
            ({"PageSize": 3, "MaxItems": 5}, [3, 2]),
            ({"MaxItems": 2}, [2]),
            ({}, [7]),
        ],
    )
    def test_pages_are_of_the_size_that_was_asked_for(self, filled, bounds, sizes):
        pages = filled.get_paginator("query").paginate(
            TableName="registry",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": KEY["pk"]},
            PaginationConfig=bounds,
        )

        assert [len(page["Items"]) for page in pages] == sizes


class TestRequests:
    def test_trace_is_named_when_there_is_one(self, server):
        lean_client(server, trace=lambda: "Root=1-5;Sampled=1 ").get_item(**GET)
        lean_client(server).get_item(**GET)

        traces = [headers.get("x-amzn-trace-id") for headers in server.headers]
        assert traces == ["Root=1-5;Sampled=1%20", None]

    def test_wait_grows_and_has_an_end_when_tries_fail(self, server):
        server.refusals = [(503, "ServiceUnavailable")] * 8

        lean_client(server, attempts=9).get_item(**GET)

        bounds = [1, 2, 4, 8, 16, 20, 20, 20]
        assert all(0 <= w <= most for w, most in zip(server.waits, bounds, strict=True))
        assert len(set(server.waits)) == len(server.waits)

    def test_call_is_tried_again_when_the_answer_is_not_what_was_sent(self, server):
        server.answer_headers = {"x-amz-crc32": "1"}

        with pytest.raises(Exception, match="not what was sent"):
            lean_client(server, attempts=2).get_item(**GET)

        assert server.operations == ["GetItem"] * 2

    def test_nothing_else_is_asked_than_what_is_known(self, server):
        with pytest.raises(AttributeError, match="dynamodb is not asked to create_table"):
            lean_client(server).create_table(TableName="t")


@pytest.fixture
def account(monkeypatch):
    moto_account(monkeypatch, REGION)
    with mock_aws():
        yield


class TestQueues:
    @pytest.fixture
    def queue(self, account):
        client = boto3.client("sqs")
        url = client.create_queue(QueueName="jobs")["QueueUrl"]
        with dynamodb_server(client, "sqs") as server:
            yield lean_client(server, SQS), url

    def test_codes_are_asked_for_as_boto3_shows_them_when_something_is_refused(self, account):
        with dynamodb_server(boto3.client("sqs"), "sqs") as server, pytest.raises(ClientError):
            lean_client(server, SQS).receive_message(QueueUrl="http://none")

        assert server.headers[0]["x-amzn-query-mode"] == "true"

    def test_messages_are_taken_when_they_were_sent(self, queue):
        SqsJobQueue(*queue).send([f"job-{n}" for n in range(12)])

        assert sorted(SqsDeadJobs(*queue).take(20).values()) == sorted(
            f"job-{n}" for n in range(12)
        )

    def test_dead_job_is_gone_when_it_was_removed(self, queue):
        dead = SqsDeadJobs(*queue)
        dead.add("job-1", "no \u2028 reason")
        taken = dead.take(1)
        SqsVisibility(*queue).hide(dict.fromkeys(taken, 0.0))
        dead.remove(list(taken))

        assert (list(taken.values()), dead.take(1)) == (["job-1"], {})

    def test_fault_when_there_is_no_such_queue(self, queue):
        client, url = queue

        with pytest.raises(FaultError, match=r"QueueDoesNotExist|NonExistentQueue"):
            SqsJobQueue(client, f"{url}-other").send(["job-1"])


class TestExecutions:
    @pytest.fixture
    def machine(self, account):
        client = boto3.client("stepfunctions")
        arn = client.create_state_machine(
            name="search",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}',
            roleArn="arn:aws:iam::123456789012:role/r",
        )["stateMachineArn"]
        with dynamodb_server(client, "states") as server:
            yield lean_client(server, STEP_FUNCTIONS), arn

    def test_conflict_when_there_is_one_of_the_name(self, machine):
        start_execution(*machine, "one", {"a": 1}, kind="search")

        with pytest.raises(ConflictError):
            start_execution(*machine, "one", {"a": 2}, kind="search")

    def test_end_is_told_with_its_time_when_it_was_stopped(self, machine):
        start_execution(*machine, "one", {}, kind="search")
        client, arn = machine
        name = f"{arn.replace(':stateMachine:', ':execution:')}:one"
        boto3.client("stepfunctions").stop_execution(executionArn=name)

        halt = StepFunctionsSearchQueue(*machine).halt("one")

        assert halt is not None
        assert halt.how == "aborted"
        assert abs((datetime.now(UTC) - halt.at).total_seconds()) < 60
        page = next(client.get_paginator("list_executions").paginate(stateMachineArn=arn))
        assert [e["startDate"].tzinfo for e in page["executions"]] == [UTC]

    def test_missing_when_there_is_no_such_execution(self, machine):
        assert StepFunctionsSearchQueue(*machine).halt("none").how == "missing"


def test_event_is_taken_when_it_is_put_on_the_bus(account):
    with dynamodb_server(boto3.client("events"), "events") as server:
        entry = {"Source": "servery", "DetailType": "d", "Detail": "{}", "EventBusName": "default"}
        answer = lean_client(server, EVENTS).put_events(Entries=[entry])

    assert answer["FailedEntryCount"] == 0
    assert server.headers[0]["content-type"] == "application/x-amz-json-1.1"
    assert server.headers[0]["x-amz-target"] == "AWSEvents.PutEvents"
