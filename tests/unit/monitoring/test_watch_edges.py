"""What the watch is called with, what it asks AWS for, and where its reports are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fakes.watches import a_look
from servery.adapters.cloudwatch_requests import CloudWatchRequests
from servery.adapters.lambda_look_queue import LambdaLookQueue
from servery.adapters.s3_look_reports import report_key
from servery.edge.watch import read_event, seconds_left
from servery.errors import FaultError, RetryableError, UnavailableError
from servery.usecases.monitoring.keeping_watch import LookEvent

SINCE, UNTIL = datetime(2026, 3, 1, 11, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)


class Client:
    """Remembers what it was asked; answers, or raises."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def _call(self, **request: Any) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    get_metric_data = invoke = _call


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Call")


class TestEvent:
    @pytest.mark.parametrize("event", [{}, {"source": "aws.events", "detail": {}}])
    def test_all_models_are_meant_when_none_is_named(self, event):
        assert read_event(event) == LookEvent()

    def test_one_model_is_meant_when_it_is_named(self):
        assert read_event({"model": "iris", "look": "x"}) == LookEvent(model="iris", look="x")

    def test_it_is_a_fault_when_it_is_neither(self):
        with pytest.raises(FaultError):
            read_event({"model": 3})

    def test_there_is_all_the_time_when_nobody_says_how_much(self):
        assert seconds_left(None)() == float("inf")


class TestRequests:
    def test_requests_of_all_versions_are_summed(self):
        results = [{"Values": [10.0, 5.0]}, {"Values": [1.0]}]
        client = Client({"MetricDataResults": results})
        count = CloudWatchRequests(client, "Servery").count("iris", ["1", "2"], SINCE, UNTIL)
        assert count == 16
        (asked,) = client.asked
        metrics = [query["MetricStat"]["Metric"] for query in asked["MetricDataQueries"]]
        assert [m["Dimensions"][2]["Value"] for m in metrics] == ["1", "2"]
        assert {m["MetricName"] for m in metrics} == {"Requests"}

    def test_nobody_knows_when_there_are_no_metrics(self):
        client = Client({"MetricDataResults": [{"Values": []}]})
        assert CloudWatchRequests(client, "Servery").count("iris", ["1"], SINCE, UNTIL) is None

    def test_it_can_be_tried_again_when_cloudwatch_is_busy(self):
        with pytest.raises(RetryableError):
            CloudWatchRequests(Client(refused("Throttling")), "Servery").count(
                "iris", ["1"], SINCE, UNTIL
            )


class TestQueue:
    def test_look_is_handed_over_in_the_background(self):
        client = Client({})
        LambdaLookQueue(client, "watch").start("iris", "look-1")
        (asked,) = client.asked
        assert (asked["FunctionName"], asked["InvocationType"]) == ("watch", "Event")
        assert json.loads(asked["Payload"]) == {"model": "iris", "look": "look-1"}

    def test_it_is_unavailable_when_the_function_cannot_be_asked(self):
        with pytest.raises(UnavailableError):
            LambdaLookQueue(Client(refused("AccessDeniedException")), "watch").start("iris", "x")


def test_quiet_looks_share_a_report_an_hour_and_others_keep_theirs():
    look = a_look()
    assert report_key("look-1", look, lasting=True) == "reports/model=iris/day=2026-03-01/look-1"
    assert report_key("look-1", look, lasting=False) == "reports/model=iris/day=2026-03-01/12h"
