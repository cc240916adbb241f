"""Events and answers of Lambda's runtime client, read and written as it does, but by msgspec."""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import pytest
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from servery.edge.http import Response
from servery.edge.marshalling import CLIENT, Marshaller, marshal_by_msgspec

EVENTS = [
    b'{"body": "{\\"records\\": [{\\"x\\": 0.1}]}", "n": null, "b": [true, -3, 1e3]}',
    '{"path": "/é", "body": "\\u00e9\\ud83d\\ude00"}'.encode(),
    b'{"number": 123456789012345678901234567890}',
    b'{"body": "\\ud800"}',
    b'{"twice": 1, "twice": 2}',
    b'"text"',
]


class Counting:
    """The client's own marshaller, which writes down what it is asked."""

    def __init__(self):
        self.asked = []
        self._own = LambdaMarshaller()

    def unmarshal_request(self, request, content_type="application/json"):
        self.asked.append(request)
        return self._own.unmarshal_request(request, content_type)

    def marshal_response(self, response):
        self.asked.append(response)
        return self._own.marshal_response(response)


@pytest.fixture
def own():
    return Counting()


@pytest.fixture
def client():
    before = LambdaRuntimeClient.marshaller
    yield LambdaRuntimeClient
    LambdaRuntimeClient.marshaller = before


@pytest.mark.parametrize("event", EVENTS)
def test_event_is_what_the_client_makes_of_it_when_it_is_json(own, event):
    assert Marshaller(own).unmarshal_request(event) == LambdaMarshaller().unmarshal_request(event)


@pytest.mark.parametrize("event", [b"{", b"", b"\xff"])
def test_client_says_what_is_wrong_when_an_event_is_no_json(own, event):
    with pytest.raises(FaultException):
        Marshaller(own).unmarshal_request(event)
    assert own.asked == [event]


def test_bytes_stay_bytes_when_an_event_is_no_json_by_its_type(own):
    assert Marshaller(own).unmarshal_request(b"1", "text/plain") == b"1"
    assert Marshaller(own).unmarshal_request(b"1", None) == b"1"


def test_answer_reads_the_same_when_it_is_a_response(own):
    answer = Response(statusCode=200, headers={"a": "b"}, body='{"é": "\u2028"}', more=[0.1, True])

    content, kind = Marshaller(own).marshal_response(answer)

    assert json.loads(content) == answer
    assert (kind, own.asked) == ("application/json", [])


@pytest.mark.parametrize("answer", [b"raw", "text", None, {"a": Decimal}, {"a": "\ud800"}])
def test_client_writes_what_is_no_plain_answer(own, answer):
    own._own = Stub()
    assert Marshaller(own).marshal_response(answer) == ("own", "kind")
    assert own.asked == [answer]


class Stub:
    def marshal_response(self, response):
        return "own", "kind"


def test_client_takes_it_when_it_runs_the_function(client):
    marshal_by_msgspec()
    first = client.marshaller
    marshal_by_msgspec()

    assert isinstance(first, Marshaller)
    assert client.marshaller is first


def test_nothing_happens_when_something_else_runs_the_function(client, monkeypatch):
    before = client.marshaller
    for nobody in (None, object()):
        monkeypatch.setitem(sys.modules, CLIENT, nobody)
        marshal_by_msgspec()
    assert client.marshaller is before
