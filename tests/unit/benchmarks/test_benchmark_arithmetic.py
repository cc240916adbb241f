"""The arithmetic of the benchmarks: turns, ratios, prices."""

from __future__ import annotations

import pytest
from benchmarks.cost_growth import growth
from benchmarks.one_function import processor_seconds
from benchmarks.prices import (
    TABLE,
    Work,
    always_on_usd,
    billed_seconds,
    sagemaker_serverless_usd,
)
from benchmarks.rounds import beyond, cells, ratio, take_turns


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
    work = Work(rows=10, reads=4, writes=2, s3_reads=3, s3_writes=1, transitions=5, requests=1)
    expected = 4 * 0.125e-6 + 2 * 0.625e-6 + 3 * 0.4e-6 + 5e-6 + 5 * 25e-6 + 3.5e-6

    assert work.usd() == pytest.approx(expected)
    assert work.usd_per_million_rows() == pytest.approx(expected * 1e5)


def test_functions_are_paid_by_memory_and_time_when_they_are_invoked():
    work = Work(rows=1, invocations=((1024, 1.0), (2048, 0.5)))

    assert work.lambda_ms == 1500
    assert work.usd() == pytest.approx(2 * 0.2e-6 + 2 * 0.0000166667)


def test_row_costs_the_same_when_growth_is_one():
    assert growth([Work(rows=1, writes=9), Work(rows=10, writes=10), Work(rows=20, writes=20)]) == 1


def test_request_costs_less_when_an_instance_that_is_always_on_has_more_of_them():
    dear, cheap = (always_on_usd("ml.t3.medium", volume) for volume in (1e6, 1e7))

    assert dear == pytest.approx(cheap * 10)
    assert dear == pytest.approx(TABLE["ml.t3.medium"].usd * 730 / 1e6)


def test_seconds_memory_and_bytes_are_paid_when_sagemaker_serves():
    assert sagemaker_serverless_usd(1.0, 2048, 1024**3) == pytest.approx(2 * 20e-6 + 0.016)
