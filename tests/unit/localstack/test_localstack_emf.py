from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from localstack_process.emf import Datum, EmfError, EmfForwarder, Origin, metric_batches

ORIGIN = Origin("f", "000000000000", "eu-west-1")


def line(**changes: Any) -> str:
    """A line with one metric; `changes` replace members of its one directive or document."""
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["room"]],
        "Metrics": [{"Name": "latency", "Unit": "Milliseconds"}],
    }
    directive |= {key: value for key, value in changes.items() if key in directive}
    document = {
        "_aws": {"Timestamp": 1_700_000_000_000, "CloudWatchMetrics": [directive]},
        "room": "kitchen",
        "latency": 12,
    }
    document |= {key: value for key, value in changes.items() if key not in directive}
    return json.dumps(document)


def test_metric_has_all_it_needs_when_a_line_is_well_formed() -> None:
    (batch,) = metric_batches(line())
    assert batch.namespace == "Shop"
    assert batch.data == [
        {
            "MetricName": "latency",
            "Unit": "Milliseconds",
            "StorageResolution": 60,
            "Timestamp": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            "Values": [12.0],
            "Counts": [1.0],
            "Dimensions": [{"Name": "room", "Value": "kitchen"}],
        }
    ]


def test_values_are_kept_together_when_a_metric_is_a_list() -> None:
    (batch,) = metric_batches(line(latency=[1, 2.5, 1]))
    assert batch.data[0]["Values"] == [1.0, 2.5, 1.0]
    assert batch.data[0]["Counts"] == [1.0, 1.0, 1.0]


def test_metric_counts_in_each_set_when_there_are_several_sets_of_dimensions() -> None:
    (batch,) = metric_batches(line(Dimensions=[["room"], ["room", "floor"], []], floor="first"))
    assert [[one["Name"] for one in datum["Dimensions"]] for datum in batch.data] == [
        ["room"],
        ["room", "floor"],
        [],
    ]


def test_resolution_and_unit_are_defaults_when_they_are_not_given() -> None:
    (batch,) = metric_batches(line(Metrics=[{"Name": "latency", "StorageResolution": 1}]))
    assert (batch.data[0]["Unit"], batch.data[0]["StorageResolution"]) == ("None", 1)


@pytest.mark.parametrize(
    "text",
    [
        "plain words about _aws",
        '{"_aws": broken',
        '["_aws"]',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 1}}',
        "",
    ],
)
def test_nothing_is_found_when_a_line_is_not_in_the_format(text: str) -> None:
    assert metric_batches(text) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Namespace": ""}, "Namespace is missing"),
        ({"Metrics": "latency"}, "Metrics is not a list"),
        ({"Metrics": [{"Unit": "Count"}]}, "no Name"),
        ({"Metrics": [{"Name": "latency"}] * 101}, "at most 100"),
        ({"Dimensions": ["room"]}, "list of lists"),
        ({"Dimensions": [["nowhere"]]}, "'nowhere' has no value"),
        ({"Dimensions": [["latency"]]}, "'latency' has no value that is a string"),
        ({"Dimensions": [["room"] * 31]}, "more than 30"),
        ({"latency": "fast"}, "'latency' is not a number"),
        ({"latency": True}, "'latency' is not a number"),
        ({"latency": []}, "'latency' is not a number"),
        ({"latency": [1, None]}, "'latency' is not a number"),
        ({"latency": [1] * 101}, "up to 100"),
        ({"_aws": {"CloudWatchMetrics": [{}]}}, "Timestamp is missing"),
        ({"_aws": {"Timestamp": 1e300, "CloudWatchMetrics": []}}, "not in milliseconds"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": {}}}, "not a list"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [1]}}, "not an object"),
    ],
)
def test_reason_is_told_when_a_line_breaks_the_specification(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(EmfError, match=reason):
        metric_batches(line(**changes))


def test_metrics_of_good_lines_are_stored_when_others_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored: list[tuple[str, object]] = []

    def put(origin: Origin, namespace: str, data: list[Datum]) -> None:
        if namespace == "Broken":
            raise ConnectionError("no CloudWatch")
        stored.extend((origin.region, datum["Values"]) for datum in data)

    forwarder = EmfForwarder(put)
    with caplog.at_level(logging.WARNING):
        lines = [line(latency="fast"), "words", line(Namespace="Broken"), line(latency=7)]
        forwarder.submit(ORIGIN, "\n".join(lines))
        forwarder.wait()
    assert stored == [("eu-west-1", [7.0])]
    assert "Metrics of f were refused: metric 'latency' is not a number" in caplog.text
    assert "Metrics of f could not be stored." in caplog.text


def test_calls_are_of_bounded_size_when_a_line_has_many_metrics() -> None:
    sizes: list[int] = []
    forwarder = EmfForwarder(lambda _origin, _namespace, data: sizes.append(len(data)))
    many = line(Metrics=[{"Name": "latency"}] * 100, Dimensions=[["room"]] * 12)
    forwarder.submit(ORIGIN, many)
    forwarder.wait()
    assert sizes == [500, 500, 200]
