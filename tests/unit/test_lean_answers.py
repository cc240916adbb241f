"""What AWS's JSON services send, as boto3 would give it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import urllib3
from servery.adapters.lean_answers import answer_of, refusal_of


def sent(body: bytes, status: int = 200, **headers: str) -> urllib3.HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(body=body, status=status, headers=named)


def told(body: bytes) -> dict[str, object]:
    answer = answer_of(sent(body), 0)
    del answer["ResponseMetadata"]
    return answer


def test_binary_values_are_bytes_when_an_item_has_some():
    body = b'{"Item": {"a": {"B": "AP8="}, "b": {"L": [{"BS": ["YQ==", "Yg=="]}]}}}'
    assert told(body) == {"Item": {"a": {"B": b"\x00\xff"}, "b": {"L": [{"BS": [b"a", b"b"]}]}}}


def test_attribute_stays_as_it_is_when_it_is_called_b():
    body = b'{"Item": {"B": {"S": "text"}}}'
    assert told(body) == {"Item": {"B": {"S": "text"}}}


def test_member_is_left_out_when_it_is_null():
    assert told(b'{"status": "RUNNING", "stopDate": null}') == {"status": "RUNNING"}


def test_times_are_times_when_they_came_as_seconds():
    body = b'{"startDate": 1.5, "executions": [{"stopDate": 2}]}'
    assert told(body) == {
        "startDate": datetime.fromtimestamp(1.5, UTC),
        "executions": [{"stopDate": datetime.fromtimestamp(2, UTC)}],
    }


def test_nothing_is_told_when_the_answer_is_empty():
    assert told(b"") == {}


def test_request_is_named_when_the_service_names_it():
    answer = answer_of(sent(b"{}", x_amzn_RequestId="r-1"), 2)
    assert answer["ResponseMetadata"] == {
        "RequestId": "r-1",
        "HTTPStatusCode": 200,
        "HTTPHeaders": {"x-amzn-requestid": "r-1"},
        "RetryAttempts": 2,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ThrottlingException", "ThrottlingException"),
        ("com.amazonaws.dynamodb.v20120810#ThrottlingException", "ThrottlingException"),
        ("ThrottlingException:http://internal.amazon.com/", "ThrottlingException"),
    ],
)
def test_code_is_the_bare_name_when_the_service_says_more(kind, code):
    refusal = refusal_of(sent(b'{"__type": "%b", "Message": "m"}' % kind.encode(), 400), 0)
    assert refusal["Error"] == {"Code": code, "Message": "m"}


def test_code_is_the_status_when_the_answer_is_a_page():
    refusal = refusal_of(sent(b"<html>", 502), 0)
    assert refusal["Error"] == {"Code": "502", "Message": "<html>"}


def test_code_is_that_of_the_older_protocol_when_a_queue_tells_it():
    header = "AWS.SimpleQueueService.NonExistentQueue;Sender"
    answer = sent(b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}', 400)
    answer.headers["x-amzn-query-error"] = header
    assert refusal_of(answer, 0)["Error"] == {
        "Code": "AWS.SimpleQueueService.NonExistentQueue",
        "QueryErrorCode": "QueueDoesNotExist",
        "Type": "Sender",
        "Message": "",
    }
