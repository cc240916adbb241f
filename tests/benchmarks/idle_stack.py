"""What a stack takes that nobody asks anything: what runs by the clock, what polls, what stands.

Functions that run by a schedule are invoked on the stack and counted, warm where they run every few
minutes, else from their start. Polls of queues are computed: Lambda keeps several requests open at
each queue, each for as long as one may be. AWS says no more than that it polls; that it is five
requests of twenty seconds, users have observed. Alarms are those of the template, metrics those
that the functions wrote.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from fakes.template import template

from benchmarks.counted_patterns import Usage, usage
from benchmarks.prices import HOURS_A_MONTH
from benchmarks.whole_stack import WholeStack

WARM_MINUTES = 5.0  # a function that runs as often as that finds its process there
POLLERS, POLL_SECONDS = 5, 20.0
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1.0, "hour": 60.0, "day": 1440.0}


@dataclass(frozen=True)
class Scheduled:
    """A function that runs by the clock.

    Attributes:
        minutes: From one time to the next.
        each: What one run takes.
        metrics: Series of metrics that it writes.
    """

    minutes: float
    each: Usage
    metrics: frozenset[str]

    @property
    def runs(self) -> float:
        """How often in a month."""
        return HOURS_A_MONTH * 60 / self.minutes

    def month(self) -> Usage:
        """What a month takes; each run is a trace, being the only one of its second."""
        return {name: each * self.runs for name, each in {**self.each, "traces": 1.0}.items()}


def minutes_of(rate: str) -> float:
    """Minutes of a rate as EventBridge writes it."""
    found = _RATE.fullmatch(rate)
    assert found is not None, rate
    return int(found[1]) * _MINUTES[found[2]]


def scheduled(stack: WholeStack) -> dict[str, Scheduled]:
    """Every function that runs by the clock, with what it takes of this stack."""
    found = {}
    for function, rate in stack.settings.schedules.items():
        minutes = minutes_of(rate)
        stack.stop(function)
        taken = []
        warm = minutes <= WARM_MINUTES
        for _ in range(4 if warm else 2):  # the first one does what is due
            if not warm:
                stack.stop(function)
            with stack.taking() as once:
                stack.invoke(function, tick())
                stack.drain()
            taken.append(usage(once))
        each = {name: min(u[name] for u in taken[1:]) for name in taken[0]}
        found[function] = Scheduled(minutes, each, series(stack.said(function)))
    return found


def polls() -> Usage:
    """What a month of polling takes, of all queues that functions work off."""
    sources = sum(
        event["Type"] == "SQS"
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
    )
    return {"sqs requests": sources * POLLERS * HOURS_A_MONTH * 3600 / POLL_SECONDS}


def standing(found: dict[str, Scheduled]) -> dict[str, Usage]:
    """What a month takes for being there: alarms and metrics."""
    alarms = sum(
        resource["Type"] == "AWS::CloudWatch::Alarm"
        for resource in template()["Resources"].values()
    )
    metrics = frozenset[str]().union(*(each.metrics for each in found.values()))
    return {"alarms": {"alarms": alarms}, "metrics": {"custom metrics": len(metrics)}}


def series(written: str) -> frozenset[str]:
    """The series of metrics in what a function has written."""
    found = set()
    for line in written.splitlines():
        if not line.startswith("{") or "_aws" not in line:
            continue
        said = json.loads(line)
        for group in said["_aws"]["CloudWatchMetrics"]:
            for dimensions in group["Dimensions"]:
                where = ",".join(f"{name}={said.get(name)}" for name in sorted(dimensions))
                found |= {f"{metric['Name']} {where}" for metric in group["Metrics"]}
    return frozenset(found)


def tick() -> dict[str, object]:
    """What a rule of EventBridge sends by its schedule."""
    return {
        "version": "0",
        "id": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-23T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {},
    }
