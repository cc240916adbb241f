"""The arithmetic of the benchmarks: turns, ratios, prices."""

from __future__ import annotations

import pytest
from benchmarks.before import at_revision
from benchmarks.cost_growth import before_report, growth
from benchmarks.counted_patterns import Pattern
from benchmarks.counting_cloud import operation
from benchmarks.dynamodb_units import kilobytes, size_of
from benchmarks.idle_stack import Scheduled, minutes_of, series
from benchmarks.one_function import processor_seconds
from benchmarks.prices import (
    OTHERS,
    TABLE,
    always_on_usd,
    billed_seconds,
    sagemaker_serverless_usd,
    unconfirmed,
    usd,
)
from benchmarks.rounds import beyond, cells, ratio, take_turns
from benchmarks.unzipped_sizes import report as sizes
from fakes.template import ROOT
from servery.domain.lambda_price import GB_SECOND_USD, REQUEST_USD, Processor


def test_first_round_does_not_count_when_contestants_take_turns():
    order: list[str] = []
    figures = {"a": iter(range(9)), "b": iter(range(10, 19))}

    def measure(name):
        order.append(name)
        return next(figures[name])

    taken = take_turns({name: lambda name=name: measure(name) for name in figures}, 3)

    assert taken == {"a": [1, 2, 3], "b": [11, 12, 13]}
    assert order[:4] in (["a", "b", "b", "a"], ["b", "a", "a", "b"])


def test_each_round_is_compared_with_itself_when_rounds_differ():
    found = ratio([2.0, 9.0, 40.0], [1.0, 3.0, 10.0])

    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


def test_others_are_taken_off_round_by_round_when_one_goes_beyond_them():
    taken = {"whole": [5.0, 9.0], "part": [1.0, 2.0], "rest": [0.5, 1.0]}

    assert beyond(taken, "whole", "part", "rest") == [3.5, 6.0]


def test_middle_comes_before_the_spread_when_rounds_are_written_down():
    assert cells([3e-6, 1e-6, 2e-6]) == ["2", "1", "3"]


def test_processor_time_grows_when_a_process_works():
    import os  # noqa: PLC0415 - this one process

    before = processor_seconds(os.getpid())
    sum(range(200_000))

    assert processor_seconds(os.getpid()) > before


def test_function_runs_longer_when_it_has_less_than_a_processor():
    assert billed_seconds(0.002, 1769) == 0.002
    assert billed_seconds(0.002, 10_240) == 0.002
    assert billed_seconds(0.002, 512) == pytest.approx(0.002 * 1769 / 512)


def test_dollars_are_those_of_the_table_when_work_is_paid():
    usage = {"dynamodb reads": 4, "dynamodb writes": 2, "s3 reads": 3, "s3 writes": 1}
    expected = 4 * 0.125e-6 + 2 * 0.625e-6 + 3 * 0.4e-6 + 5e-6

    assert usd(usage) == pytest.approx(expected)
    assert usd({**usage, "transitions": 5, "lambda ms": 9}) == pytest.approx(expected + 5 * 25e-6)


def test_lambda_costs_what_the_domain_says_when_a_second_is_paid():
    assert TABLE["GB-seconds"].each == GB_SECOND_USD[Processor.X86]
    assert TABLE["invocations"].each == pytest.approx(REQUEST_USD)


def test_price_is_marked_when_no_page_confirms_it():
    assert unconfirmed({"firehose bytes": 5120, "events": 1, "lambda ms": 2}) == ["firehose bytes"]
    assert all(price.of for price in {**TABLE, **OTHERS}.values())


def test_unit_costs_the_same_when_nothing_comes_once():
    assert growth(Pattern("job", {"events": 2.0})) == 1
    assert growth(Pattern("job", {"events": 1.0}, {"events": 1000.0})) < 0.51


def test_what_changed_is_told_when_there_is_something_before():
    now = {"job": {"events": 2.0}, "page": {"requests": 1.0}, "same": {"events": 1.0}}
    before = {"job": {"events": 1.0}, "same": {"events": 1.0}, "chunk": {"s3 reads": 1.0}}
    told = {row[0]: row[3:] for row in before_report(now, before, "then").rows}

    assert told == {
        "job": ["2.000", "events 1 -> 2"],
        "page": ["new", ""],
        "same": ["1.000", "the same"],
        "chunk": ["gone", ""],
    }


def test_weights_stand_against_budget_and_commit_when_functions_are_weighed():
    told = sizes({"A": 110, "B": 50}, {"A": 100, "B": 50}, {"A": 55}, "then")

    assert told.columns[-1] == "against then"
    assert [row[0::3] for row in told.rows] == [["A", "+10.0%"], ["B", "+0.0%"]]
    assert [row[-1] for row in told.rows] == ["+100.0%", "none"]


def test_nothing_was_before_when_a_revision_is_unknown():
    assert at_revision(ROOT / "infra" / "budgets" / "calls.json", "no-such-revision") == {}


@pytest.mark.parametrize(
    ("method", "path", "headers", "service", "wanted"),
    [
        ("GET", "/bucket/a/b?versionId=1", {}, "s3", "GetObject"),
        ("GET", "/bucket?list-type=2&prefix=a", {}, "s3", "ListObjects"),
        ("PUT", "/bucket/a", {"x-amz-copy-source": "b/c"}, "s3", "CopyObject"),
        ("POST", "/bucket?delete", {}, "s3", "DeleteObjects"),
        ("HEAD", "/bucket/a", {}, "s3", "HeadObject"),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.GetItem"}, "dynamodb", "GetItem"),
        ("POST", "/2015-03-31/functions/F%3A1/invocations", {}, "lambda", "Invoke"),
        ("GET", "/2015-03-31/functions/F/configuration", {}, "lambda", "GET functions"),
        ("POST", "/service/S/operation/GetMetricData", {}, "monitoring", "GetMetricData"),
    ],
)
def test_operation_is_known_when_a_request_comes_over_http(method, path, headers, service, wanted):
    assert operation(method, path, headers, b"", service) == wanted


def test_operation_is_in_the_body_when_a_service_speaks_forms():
    assert operation("POST", "/", {}, b"Action=Publish&Message=x", "sns") == "Publish"


def test_item_is_as_large_as_its_names_and_values_when_it_is_sized():
    item = {"pk": {"S": "abc"}, "n": {"N": "12"}, "m": {"M": {"k": {"S": "v"}}}}

    assert size_of(item) == 2 + 3 + 1 + 2 + 1 + 1 + 1
    assert [kilobytes(size, 1024) for size in (0, 1, 1024, 1025)] == [1, 1, 1, 2]


def test_month_is_all_runs_when_a_function_runs_by_the_clock():
    run = Scheduled(minutes_of("rate(5 minutes)"), {"invocations": 1.0}, frozenset())

    assert run.runs == 8760
    assert run.month() == {"invocations": 8760.0, "traces": 8760.0}
    assert [minutes_of(f"rate({rate})") for rate in ("1 minute", "1 hour", "2 days")] == [
        1,
        60,
        2880,
    ]


def test_series_are_told_apart_when_their_dimensions_differ():
    line = (
        '{"_aws": {"CloudWatchMetrics": [{"Dimensions": [["kind"]], '
        '"Metrics": [{"Name": "Swept"}]}]}, "kind": "%s"}'
    )

    assert series("\n".join(["START", line % "a", line % "b", line % "a"])) == {
        "Swept kind=a",
        "Swept kind=b",
    }


def test_request_costs_less_when_an_instance_that_is_always_on_has_more_of_them():
    dear, cheap = (always_on_usd("ml.t3.medium", volume) for volume in (1e6, 1e7))

    assert dear == pytest.approx(cheap * 10)
    assert dear == pytest.approx(OTHERS["ml.t3.medium"].usd * 730 / 1e6)


def test_seconds_memory_and_bytes_are_paid_when_sagemaker_serves():
    assert sagemaker_serverless_usd(1.0, 2048, 1024**3) == pytest.approx(2 * 20e-6 + 0.016)
