"""The section `monitor` of a model spec: what the watch over the model raises an alarm for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from servery.domain.signature import Task
from servery.domain.watching import Kind, Severity
from servery.errors import Violation

Share = Annotated[float, Meta(gt=0, le=1)]
Hours = Annotated[float, Meta(gt=0, le=24 * 31)]


class Monitor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the monitoring judges the model by.

    An alarm is raised where a figure is beyond its bound and chance would hardly bring it there.
    All figures together raise a false alarm in a week with probability `chance` at the most.

    Attributes:
        production_metric: The figure that says whether the model does its job in production.
        min_samples: Requests below which nothing is said about drift.
        chance: Probability of a false alarm that a week is allowed.
        window_hours: How far back a look goes at the most.
        shortest_hours: The shortest window that is looked at by itself. Windows double from
            there, so that what is sudden is seen soon and what is slight is seen at all.
        psi: Population stability index that a feature, or the answers, may have.
        ks: Kolmogorov-Smirnov distance that a feature of numbers, or an answer, may have.
        nulls: By how much the share of missing values of a feature may be another.
        absent_hours: How long a class may be absent.
        rare_share: Share of the held-out answers up to which a class is a rare one.
        rare_factor: How many times as frequent a rare class may become.
        min_per_hour: Requests in an hour; fewer are too few. None for what is learned.
        max_per_hour: Requests in an hour; more are too many. None for what is learned.
        rate_factor: How many times fewer or more than at the same hour of the days before there
            may be, where nothing is stated; None to learn nothing.
        repeat_share: Share of the requests that the same input may have.
        error_share: Share of the requests that may end with a 5xx.
        refused_share: Share of the requests that may be refused as the caller's fault.
        latency_p95_ms: What 95 of 100 answers may take; None for half of the deadline.
        min_labels: Labelled requests below which nothing is said about accuracy.
        label_hours: How far back labelled requests count.
        accuracy: Lowest accuracy; None for none.
        accuracy_loss: By how much the accuracy may be below that of the training.
        rmse: Highest root mean squared error; None for none.
        rmse_growth: By which share the root mean squared error may be above the training's.
        no_data_hours: After how long without lines of the log, though there were requests, the
            silence is an alarm.
        no_label_hours: The same of labels, once there were some.
        cool_down_hours: How long nobody is told again of the same.
        off: What is not looked at.
        severity: How much it matters, where it is not what is usual.
    """

    production_metric: str = ""
    min_samples: Annotated[int, Meta(ge=1)] = 200
    chance: Annotated[float, Meta(gt=0, le=0.5)] = 0.05
    window_hours: Hours = 24.0
    shortest_hours: Hours = 1.0
    psi: Annotated[float, Meta(gt=0)] = 0.1
    ks: Share = 0.08
    nulls: Share = 0.05
    absent_hours: Hours = 1.0
    rare_share: Share = 0.05
    rare_factor: Annotated[float, Meta(gt=1)] = 3.0
    min_per_hour: Annotated[float, Meta(gt=0)] | None = None
    max_per_hour: Annotated[float, Meta(gt=0)] | None = None
    rate_factor: Annotated[float, Meta(gt=1)] | None = 4.0
    repeat_share: Share = 0.3
    error_share: Share = 0.01
    refused_share: Share = 0.1
    latency_p95_ms: Annotated[float, Meta(gt=0)] | None = None
    min_labels: Annotated[int, Meta(ge=10)] = 50
    label_hours: Hours = 168.0
    accuracy: Share | None = None
    accuracy_loss: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    rmse: Annotated[float, Meta(gt=0)] | None = None
    rmse_growth: Annotated[float, Meta(ge=0)] = 0.25
    no_data_hours: Hours = 1.0
    no_label_hours: Hours = 72.0
    cool_down_hours: Annotated[float, Meta(ge=0, le=24 * 31)] = 24.0
    off: list[Kind] = []
    severity: dict[Kind, Severity] = {}


def monitor_violations(monitor: Monitor, task: Task) -> list[Violation]:
    """What does not go together in the section, or with the task."""
    found: list[Violation] = []
    if monitor.shortest_hours > monitor.window_hours:
        found.append(Violation("monitor.shortest_hours", "is longer than monitor.window_hours"))
    least, most = monitor.min_per_hour, monitor.max_per_hour
    if least is not None and most is not None and least >= most:
        found.append(Violation("monitor.min_per_hour", "is not below monitor.max_per_hour"))
    if monitor.accuracy is not None and task is not Task.CLASSIFICATION:
        found.append(Violation("monitor.accuracy", "is for classification; state monitor.rmse"))
    if monitor.rmse is not None and task is not Task.REGRESSION:
        found.append(Violation("monitor.rmse", "is for regression; state monitor.accuracy"))
    return found
