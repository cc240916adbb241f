"""What comparisons come to, counted by hand."""

from __future__ import annotations

import msgspec
import pytest
from servery.domain.comparisons import Comparison
from servery.usecases.monitoring.comparison_report import comparison_reports


def a_line(number=0, **changes):
    values = {
        "id": f"c-{number}",
        "request_id": f"r-{number}",
        "time": f"2026-03-01T12:00:{number:02d}.000Z",
        "day": "2026-03-01",
        "model": "iris",
        "revision": 1,
        "version": "a",
        "shadow": "b",
        "status": 200,
        "latency_ms": 10.0,
        "shadow_latency_ms": 20.0,
    }
    return Comparison(**(values | changes))


def of_classes(number, *pairs, **changes):
    agreed = sum(one == other for one, other in pairs)
    return a_line(number, classes=list(pairs), rows=len(pairs), agreed=agreed, **changes)


def test_agreement_by_class_when_answers_are_classes():
    lines = [
        of_classes(0, ("x", "x"), ("x", "y"), ("y", "y")),
        of_classes(1, ("x", "x"), ("x", "x")),
    ]
    (report,) = comparison_reports(lines)
    assert (report.requests, report.rows, report.agreed) == (2, 5, 4)
    assert report.agreement.value == 0.8
    assert report.agreement.low == pytest.approx(0.3755, abs=1e-4)
    assert report.agreement.high == pytest.approx(0.9638, abs=1e-4)
    first, second = report.classes
    assert (first.answered, first.rows, first.agreed, first.shadow) == ("x", 4, 3, {"y": 1})
    assert (second.answered, second.rows, second.shadow) == ("y", 1, {})
    assert report.differences is None


def test_bias_and_spread_when_answers_are_numbers():
    lines = [a_line(n, differences=[float(n), -1.0], rows=2, agreed=0) for n in range(11)]
    (report,) = comparison_reports(lines)
    assert report.differences.bias == pytest.approx((55 - 11) / 22)
    assert report.differences.absolute.most == 10.0
    assert report.differences.absolute.p50 == 1.0
    assert report.classes == []


def test_copy_counts_once_when_it_was_compared_twice():
    line = of_classes(0, ("x", "x"))
    (report,) = comparison_reports([line, line])
    assert (report.requests, report.rows) == (1, 1)


def test_failures_are_counted_by_reason_when_the_shadow_had_no_answer():
    lines = [
        of_classes(0, ("x", "x")),
        a_line(1, error="DeadlineExceededError", status=0, shadow_latency_ms=10_000.0),
        a_line(2, error="ShadowRefusedError", status=422),
        a_line(3, error="ShadowRefusedError", status=422),
    ]
    (report,) = comparison_reports(lines)
    assert report.failed == {"ShadowRefusedError": 2, "DeadlineExceededError": 1}
    assert (report.requests, report.rows) == (4, 1)
    assert report.shadow_latency_ms.count == 1


def test_latency_of_the_model_alone_counts_when_a_cache_answered_some():
    lines = [
        of_classes(0, ("x", "x"), latency_ms=100.0),
        of_classes(1, ("x", "x"), latency_ms=1.0, cache="hit"),
        of_classes(2, ("x", "x"), latency_ms=50.0, cache="partial"),
        of_classes(3, ("x", "x"), latency_ms=102.0, cache="miss"),
    ]
    (report,) = comparison_reports(lines)
    assert (report.latency_ms.count, report.latency_ms.mean) == (2, 101.0)
    assert report.shadow_latency_ms.count == 4


def test_each_pair_of_versions_has_its_own_report_when_there_were_several():
    lines = [of_classes(0, ("x", "x")), of_classes(9, ("x", "y"), shadow="c")]
    newer, older = comparison_reports(lines)
    assert (newer.shadow, newer.agreed, older.shadow, older.agreed) == ("c", 0, "b", 1)
    assert newer.since == newer.until == "2026-03-01T12:00:09.000Z"


def test_nothing_when_nothing_was_compared():
    assert comparison_reports([]) == []


def test_report_can_be_written_when_everything_failed():
    reports = comparison_reports([a_line(error="ModelServerError", status=0)])
    assert msgspec.json.decode(msgspec.json.encode(reports))[0]["agreement"] is None
