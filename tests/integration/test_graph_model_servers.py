"""Calls of model servers side by side, over one pool: every way in which Lambda can answer."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from fakes.aws_stub import AwsStub, Invoked
from fakes.clock import EPOCH, SetClock
from fakes.records import a_server
from servery.adapters import sigv4
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lambda_model_servers import LambdaModelServers
from servery.adapters.lean_lambda import LeanLambda
from servery.errors import (
    DeadlineExceededError,
    FaultError,
    ModelServerError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)

TIMES = (0.2, 5.0)


@pytest.fixture
def stub():
    stub = AwsStub()
    yield stub
    stub.close()


def somebody():
    return sigv4.Credentials("testing", "testing", "token")


def lean(url, credentials=somebody):
    return LeanLambda(
        connections=KeptConnections(url),
        region="eu-central-1",
        credentials=credentials,
        clock=SetClock(),
    )


@pytest.fixture
def servers(stub):
    return LambdaModelServers(lean(stub.url).within, times=TIMES)


def call(servers, timeout=5.0):
    return servers.call(a_server(7), b'{"verb": "ready"}', timeout=timeout)


def test_published_version_gets_the_event_and_its_answer_comes_back(stub, servers):
    asked = []

    def invoke(function, event):
        asked.append((function, event))
        return Invoked(b'{"status": 200}')

    stub.invoke = invoke
    assert call(servers) == b'{"status": 200}'
    assert asked == [("predictor:7", {"verb": "ready"})]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"payload": b'{"errorType": "ValueError"}', "error": "Unhandled"}, ModelServerError),
        (
            {"payload": b'{"errorType": "Sandbox.Timedout"}', "error": "Unhandled"},
            DeadlineExceededError,
        ),
        ({"status": 404, "code": "ResourceNotFoundException"}, UnavailableError),
        ({"status": 429, "code": "TooManyRequestsException"}, ThrottledError),
        ({"status": 413, "code": "RequestTooLargeException"}, TooLargeError),
        ({"status": 403, "code": "AccessDeniedException"}, FaultError),
        ({"status": 500, "code": "ServiceException"}, UnavailableError),
        ({"drop": True}, UnavailableError),
    ],
)
def test_said_in_our_words_when_lambda_does_not_answer(stub, servers, reply, error):
    stub.invoke = lambda function, event: Invoked(**reply)
    with pytest.raises(error):
        call(servers)


def test_unavailable_when_nobody_listens(stub):
    with pytest.raises(UnavailableError):
        call(LambdaModelServers(lean("http://127.0.0.1:1").within, times=TIMES))


def test_given_up_at_the_next_longer_time_when_the_server_is_slow(stub, servers):
    held = threading.Event()

    def invoke(function, event):
        held.wait(5)
        return Invoked()

    stub.invoke = invoke
    with pytest.raises(DeadlineExceededError):
        call(servers, timeout=0.1)
    held.set()


def test_asked_at_the_same_time_when_threads_share_the_pool(stub, servers):
    together = threading.Barrier(4)
    answers = []

    def invoke(function, event):
        together.wait(5)
        return Invoked(b"{}")

    stub.invoke = invoke
    threads = [threading.Thread(target=lambda: answers.append(call(servers))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"{}"] * 4


def test_fault_when_there_are_no_credentials(stub):
    def nobody():
        raise FaultError("AWS_ACCESS_KEY_ID is not set")

    with pytest.raises(FaultError, match="AWS_ACCESS_KEY_ID"):
        call(LambdaModelServers(lean(stub.url, nobody).within, times=TIMES))


def test_signed_as_botocore_signs_when_the_path_has_a_colon():
    path, body = "/2015-03-31/functions/predictor%3A7/invocations", b"{}"
    ours = sigv4.sign(
        "POST",
        host="lambda.eu-central-1.amazonaws.com",
        path=sigv4.quoted_path(path),
        headers={"content-type": "application/json"},
        digest=sigv4.hashlib.sha256(body).hexdigest(),
        region="eu-central-1",
        service="lambda",
        credentials=sigv4.Credentials("AKIAEXAMPLE", "secret"),
        now=EPOCH,
    )
    headers = {name: ours[name] for name in ("content-type", "x-amz-content-sha256")}
    url = f"https://lambda.eu-central-1.amazonaws.com{path}"
    request = AWSRequest("POST", url, headers=headers, data=body)
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    auth = SigV4Auth(Credentials("AKIAEXAMPLE", "secret"), "lambda", "eu-central-1")
    signature = auth.signature(
        auth.string_to_sign(request, auth.canonical_request(request)), request
    )
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_call_belongs_to_its_trace_when_there_is_one(stub, monkeypatch):
    sent = []
    api = dataclasses.replace(lean(stub.url), trace=lambda: "Root=1-5;Sampled=1 ")
    send = api.connections.send

    def note(method, path, headers, *more, **times):
        sent.append(headers)
        return send(method, path, headers, *more, **times)

    monkeypatch.setattr(api.connections, "send", note)

    call(LambdaModelServers(api.within, times=TIMES))

    assert sent[0]["x-amzn-trace-id"] == "Root=1-5;Sampled=1%20"
    assert "x-amzn-trace-id" not in sent[0]["authorization"]


def test_call_names_no_trace_when_there_is_none(stub, servers):
    assert "x-amzn-trace-id" not in lean(stub.url)._signed("POST", "/", b"", {})
    assert call(servers) == b"{}"
