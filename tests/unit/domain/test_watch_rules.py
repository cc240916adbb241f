"""The section `monitor` of a spec: what goes together."""

from __future__ import annotations

import msgspec
import pytest
from servery.domain.signature import Task
from servery.domain.watch_rules import Monitor, monitor_violations
from servery.domain.watching import Finding, Kind, Severity, identity


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_nothing_is_wrong_when_nothing_is_stated(task):
    assert monitor_violations(Monitor(), task) == []


@pytest.mark.parametrize(
    ("stated", "task", "field"),
    [
        ({"shortest_hours": 25}, Task.CLASSIFICATION, "monitor.shortest_hours"),
        ({"min_per_hour": 5, "max_per_hour": 5}, Task.CLASSIFICATION, "monitor.min_per_hour"),
        ({"accuracy": 0.9}, Task.REGRESSION, "monitor.accuracy"),
        ({"rmse": 2}, Task.CLASSIFICATION, "monitor.rmse"),
    ],
)
def test_field_is_named_when_it_does_not_go_with_the_rest(stated, task, field):
    (violation,) = monitor_violations(Monitor(**stated), task)
    assert violation.field == field


@pytest.mark.parametrize(
    ("stated", "task"),
    [
        ({"shortest_hours": 24}, Task.CLASSIFICATION),
        ({"min_per_hour": 5, "max_per_hour": 6}, Task.CLASSIFICATION),
        ({"min_per_hour": 5}, Task.REGRESSION),
        ({"accuracy": 0.9}, Task.CLASSIFICATION),
        ({"rmse": 2}, Task.REGRESSION),
    ],
)
def test_nothing_is_wrong_when_it_goes_together(stated, task):
    assert monitor_violations(Monitor(**stated), task) == []


def test_rules_are_read_when_they_are_plain_values():
    told = {"psi": 0.2, "off": ["latency"], "severity": {"errors": "info"}, "rate_factor": None}
    read = msgspec.convert(told, Monitor)
    assert (read.psi, read.off, read.rate_factor) == (0.2, [Kind.LATENCY], None)
    assert read.severity == {Kind.ERRORS: Severity.INFO}
    for wrong in ({"chance": 0.6}, {"psi": 0}, {"off": ["drift"]}, {"min_labels": 9}, {"bound": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Monitor)


def test_identity_has_kind_and_subject_when_alarms_are_told_apart():
    finding = Finding(
        kind=Kind.INPUT_DRIFT,
        subject="mass",
        severity=Severity.INFO,
        said="",
        value=1,
        bound=0,
    )
    assert identity(finding) == "input_drift:mass"
