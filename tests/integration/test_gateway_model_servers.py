"""Calls of model servers through the real client: every way in which Lambda can answer."""

from __future__ import annotations

import time

import boto3
import pytest
from botocore.config import Config
from fakes.aws_stub import AwsStub, Invoked
from fakes.records import a_server
from servery.adapters.lambda_model_servers import MOST_CLIENTS, LambdaModelServers
from servery.errors import (
    DeadlineExceededError,
    FaultError,
    ModelServerError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from servery.ports import ModelServers

CRASH = b'{"errorMessage": "%s", "errorType": "%s"}'


@pytest.fixture
def stub():
    stub = AwsStub()
    yield stub
    stub.close()


@pytest.fixture
def made():
    return []


@pytest.fixture
def servers(stub, made):
    def client(seconds):
        made.append(seconds)
        return boto3.client(
            "lambda",
            endpoint_url=stub.url,
            region_name="eu-central-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(
                connect_timeout=1, read_timeout=seconds, retries={"total_max_attempts": 1}
            ),
        )

    return LambdaModelServers(client)


def call(servers: ModelServers, timeout: float = 5.0) -> bytes:
    return servers.call(a_server(7), b'{"verb": "ready"}', timeout=timeout)


def answering(stub, **reply):
    stub.invoke = lambda function, event: Invoked(**reply)


def test_published_version_gets_the_event_and_its_answer_comes_back(stub, servers):
    asked = []

    def invoke(function, event):
        asked.append((function, event))
        return Invoked(b'{"status": 200}')

    stub.invoke = invoke
    assert call(servers) == b'{"status": 200}'
    assert asked == [("predictor:7", {"verb": "ready"})]


@pytest.mark.parametrize(
    ("kind", "message", "error"),
    [
        (b"ValueError", b"secret", ModelServerError),
        (b"Runtime.ExitError", b"RequestId: 1 Error: signal: killed", ModelServerError),
        (b"Runtime.ImportModuleError", b"", ModelServerError),
        (b"RetryableError", b"", UnavailableError),
        (
            b"Sandbox.Timedout",
            b"RequestId: 1 Error: Task timed out after 60.00 s",
            DeadlineExceededError,
        ),
        (b"", b"2026-03-01 1 Task timed out after 60.00 seconds", DeadlineExceededError),
        (b"Function.ResponseSizeTooLarge", b"", TooLargeError),
    ],
)
def test_crash_is_told_by_its_kind_when_the_function_failed(stub, servers, kind, message, error):
    answering(stub, payload=CRASH % (message, kind), error="Unhandled")
    with pytest.raises(error) as raised:
        call(servers)
    assert "secret" not in str(raised.value)


def test_crash_is_told_when_its_answer_is_no_json(stub, servers):
    answering(stub, payload=b"oops", error="Unhandled")
    with pytest.raises(ModelServerError):
        call(servers)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "TooManyRequestsException", ThrottledError),
        (404, "ResourceNotFoundException", UnavailableError),
        (409, "ResourceConflictException", UnavailableError),
        (409, "SnapStartNotReadyException", UnavailableError),
        (409, "SnapStartRegenerationFailureException", UnavailableError),
        (408, "SnapStartTimeoutException", UnavailableError),
        (400, "SnapStartException", ModelServerError),
        (502, "ResourceNotReadyException", UnavailableError),
        (413, "RequestTooLargeException", TooLargeError),
        (500, "ServiceException", UnavailableError),
        (403, "AccessDeniedException", FaultError),
    ],
)
def test_refusal_of_lambda_is_told_by_what_to_do_about_it(stub, servers, status, code, error):
    answering(stub, status=status, code=code)
    with pytest.raises(error):
        call(servers)


def test_deadline_is_kept_when_the_server_is_slow(stub, servers):
    answering(stub, seconds=3)
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError) as raised:
        call(servers, timeout=0.2)
    assert time.monotonic() - started < 2
    assert (raised.value.hop, raised.value.seconds) == ("model server", 0.2)


def test_slow_call_is_not_made_twice(stub, servers):
    calls = []

    def invoke(function, event):
        calls.append(event)
        return Invoked(seconds=1)

    stub.invoke = invoke
    with pytest.raises(DeadlineExceededError):
        call(servers, timeout=0.1)
    assert len(calls) == 1


def test_call_is_made_again_when_the_connection_breaks(stub, servers):
    replies = [Invoked(drop=True), Invoked(b"{}")]
    stub.invoke = lambda function, event: replies.pop(0)
    assert call(servers) == b"{}"


def test_unavailable_when_the_connection_breaks_again(stub, servers):
    answering(stub, drop=True)
    with pytest.raises(UnavailableError):
        call(servers)


def test_unavailable_when_nobody_listens(stub, servers):
    stub.close()
    with pytest.raises(UnavailableError):
        call(servers)


def test_clients_are_shared_and_few_when_deadlines_differ(stub, servers, made):
    for timeout in (5.0, 5.02, 5.049, 4.999):
        call(servers, timeout=timeout)
    assert made == [5.0, 4.95]
    for step in range(2 * MOST_CLIENTS):
        call(servers, timeout=1 + step / 10)
    assert len(servers._clients) == MOST_CLIENTS
