"""Labels over HTTP: all of a request are taken, or none is said to be."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError
from fakes.clock import SetClock
from servery.adapters.firehose_batches import MOST_BATCH_BYTES
from servery.adapters.firehose_lines import FirehoseLines
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.labels import LabelsApi
from servery.edge.telemetry import Telemetry
from servery.errors import UnavailableError


class Lines:
    """The stream of labels, in memory."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def write(self, lines):
        if self.failure:
            raise self.failure
        self.written += [msgspec.json.decode(line) for line in lines]


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def events():
    return Lines()


@pytest.fixture
def post(lines, events):
    api = Api(
        "monitoring",
        LabelsApi(lines, events, SetClock()).calls(),
        cors=Cors(""),
        telemetry=Telemetry("monitoring"),
    )

    def post(body, **query):
        event = {
            "httpMethod": "POST",
            "resource": "/labels",
            "path": "/labels",
            "body": body if isinstance(body, str) else json.dumps(body),
            "queryStringParameters": query,
        }
        answer = api.serve(event)
        return answer["statusCode"], json.loads(answer["body"])

    return post


def test_each_label_is_a_line_by_model_and_day_when_they_are_taken(post, lines):
    labels = [{"request_id": "r-1", "label": "setosa"}, {"request_id": "r-1", "row": 1, "label": 2}]
    assert post({"model": "iris", "labels": labels}) == (202, {"accepted": 2, "events": 0})
    assert lines.written[1] == {
        "schema": 1,
        "request_id": "r-1",
        "row": 1,
        "label": 2,
        "model": "iris",
        "time": "2026-03-01T12:00:00.000Z",
        "day": "2026-03-01",
    }


def test_each_event_is_a_line_by_model_and_day_when_it_is_taken(post, lines, events):
    bought = {"request_id": "r-1", "name": "bought", "row": 1, "value": 19.9}
    seen = {"request_id": "r-1", "name": "seen", "time": "2026-02-28T23:00:00+01:00"}
    labels = [{"request_id": "r-1", "label": "setosa"}]
    told = post({"model": "iris", "labels": labels, "events": [bought, seen]})
    assert told == (202, {"accepted": 1, "events": 2})
    assert len(lines.written) == 1
    assert events.written[0] == {
        "schema": 1,
        **bought,
        "model": "iris",
        "time": "2026-03-01T12:00:00.000Z",
        "day": "2026-03-01",
    }
    assert events.written[1]["time"] == "2026-02-28T22:00:00.000Z"
    assert (events.written[1]["row"], events.written[1]["value"]) == (None, None)


def test_503_when_the_stream_does_not_take_events(post, events):
    events.failure = UnavailableError("1 of 1 lines were not taken")
    assert post({"events": [{"request_id": "r", "name": "seen"}]})[0] == 503


@pytest.mark.parametrize("label", ["setosa", 7, 151.5, True, -1])
def test_label_keeps_its_type_when_it_is_written(post, lines, label):
    post({"labels": [{"request_id": "r", "label": label}]})
    assert lines.written[0]["label"] == label
    assert type(lines.written[0]["label"]) is type(label)
    assert lines.written[0]["model"] == "unknown"


def test_a_thousand_are_taken_when_they_come_at_once(post, lines):
    labels = [{"request_id": "f" * 36, "row": n, "label": "versicolor"} for n in range(1000)]
    assert post({"labels": labels})[0] == 202
    assert len(lines.written) == 1000


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "labels"),
        ("", 422, "labels"),
        ({"labels": []}, 422, "labels"),
        ({"events": []}, 422, "labels"),
        ({"events": [{"request_id": "r"}]}, 422, "events[0].name"),
        ({"events": [{"request_id": "r", "name": "a b"}]}, 422, "events[0].name"),
        ({"events": [{"request_id": "r", "name": "a", "value": [1]}]}, 422, "events[0].value"),
        ({"events": [{"request_id": "r", "name": "a", "time": "2026-03-01T00:00:00"}]}, 422, None),
        ({"events": [{"request_id": "r", "name": "a", "row": -1}]}, 422, "events[0].row"),
        ({"events": [{"request_id": "r", "name": "a"}] * 1001}, 422, "events"),
        ({"labels": [{"request_id": "r"}]}, 422, "labels[0].label"),
        ({"labels": [{"label": 1}]}, 422, "labels[0].request_id"),
        ({"labels": [{"request_id": "a b", "label": 1}]}, 422, "labels[0].request_id"),
        ({"labels": [{"request_id": "r", "label": None}]}, 422, "labels[0].label"),
        ({"labels": [{"request_id": "r", "label": [1]}]}, 422, "labels[0].label"),
        ({"labels": [{"request_id": "r", "label": "x" * 201}]}, 422, "labels[0].label"),
        ({"labels": [{"request_id": "r", "label": 1, "row": -1}]}, 422, "labels[0].row"),
        ({"labels": [{"request_id": "r", "label": 1, "what": 1}]}, 422, "labels[0].what"),
        ({"model": "No Such", "labels": [{"request_id": "r", "label": 1}]}, 422, "model"),
        ({"labels": [{"request_id": "r", "label": 1}] * 1001}, 422, "labels"),
        ("{", 400, None),
        ('{"labels":[{"request_id":"r","label":NaN}]}', 400, None),
        ("x" * 600_000, 413, None),
    ],
)
def test_nothing_is_written_when_a_label_is_wrong(post, lines, body, status, field):
    told, problem = post(body)
    assert told == status
    assert lines.written == []
    if field is not None:
        assert problem["errors"][0]["field"] == field


def test_refused_when_the_query_has_something(post, lines):
    assert post({"labels": [{"request_id": "r", "label": 1}]}, model="iris")[0] == 422
    assert lines.written == []


def test_503_when_the_stream_does_not_take_them(post, lines):
    lines.failure = UnavailableError("3 of 3 lines were not taken")
    assert post({"labels": [{"request_id": "r", "label": 1}]})[0] == 503


class FakeFirehose:
    """Takes records but for those that a test has refused, call by call."""

    def __init__(self, *refused):
        self.refused = list(refused)
        self.calls = []
        self.taken = []

    def put_record_batch(self, *, DeliveryStreamName, Records):  # noqa: N803
        lines = [record["Data"] for record in Records]
        self.calls.append(lines)
        refused = self.refused.pop(0) if self.refused else 0
        if refused < 0:
            raise EndpointConnectionError(endpoint_url="http://firehose")
        self.taken += lines[refused:]
        answers = [{"ErrorCode": "ServiceUnavailable"}] * refused
        return {
            "FailedPutCount": refused,
            "RequestResponses": answers + [{"RecordId": "1"}] * (len(lines) - refused),
        }


class TestStream:
    def write(self, firehose, lines):
        FirehoseLines(firehose, "labels", pause=lambda _: None).write(lines)

    def test_lines_end_when_they_are_written(self):
        firehose = FakeFirehose()
        self.write(firehose, [b"1", b"2"])
        assert firehose.taken == [b"1\n", b"2\n"]

    def test_only_what_was_refused_is_tried_again(self):
        firehose = FakeFirehose(2, 1)
        self.write(firehose, [b"1", b"2", b"3"])
        assert [len(call) for call in firehose.calls] == [3, 2, 1]
        assert sorted(firehose.taken) == [b"1\n", b"2\n", b"3\n"]

    def test_told_when_some_are_refused_again_and_again(self):
        with pytest.raises(UnavailableError, match="1 of 2"):
            self.write(FakeFirehose(1, 1, 1, 1), [b"1", b"2"])

    def test_told_when_nobody_answers(self):
        with pytest.raises(UnavailableError):
            self.write(FakeFirehose(-1), [b"1"])

    def test_calls_stay_in_the_limits_when_there_are_many(self):
        firehose = FakeFirehose()
        self.write(firehose, [b"x" * 9_999] * 1000)
        assert max(len(call) for call in firehose.calls) <= 500
        assert max(sum(map(len, call)) for call in firehose.calls) <= MOST_BATCH_BYTES
        assert len(firehose.taken) == 1000
