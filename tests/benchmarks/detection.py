"""False alarms of the watch, and how many requests it takes until it sees what is put in.

Simulated streams of a classifier with eight features, looked at once an hour by the rules of a spec
that says nothing. Windows, tests, the budget of chance and the alarms are those of the program;
only reading JSON is passed over: the columns are counted as they are drawn.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.detection [--weeks 100] [--runs 50]
        [--per-hour 100] [--json]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from servery.domain.baseline import Baseline
from servery.domain.columns import Values
from servery.domain.distributions import binomial_at_least, binomial_at_most
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.watching import AlarmState, Kind, WatchState
from servery.usecases.monitoring.watch.tally import PREDICTION, Tally
from servery.usecases.monitoring.watch.windows import windows_of
from servery.usecases.monitoring.watching import Asked, concluded
from servery.usecases.training.statistics import describe_categories, describe_numbers

from benchmarks.report import Report, show

TRAINING, HELD_OUT = 2000, 500
NUMBERS = [f"number-{i}" for i in range(6)]
CATEGORIES = {"colour": (0.5, 0.3, 0.2), "country": (0.4, 0.3, 0.2, 0.08, 0.02)}
CLASSES = ("a", "b", "c")
SHARES = (0.6, 0.35, 0.05)
MISSING = (0.6 / 0.65, 0.0, 0.05 / 0.65)  # all that were `b` are gone
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
QUIET_HOURS, WEEK_HOURS = 48, 168
REPEATED = 0.5

SIGNATURE = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        *(Field(name=name, dtype=Dtype.FLOAT) for name in NUMBERS),
        *(Field(name=name, dtype=Dtype.STRING) for name in CATEGORIES),
    ],
    output=Output(name="kind", dtype=Dtype.STRING, classes=list(CLASSES)),
)


@dataclass(frozen=True)
class Change:
    """What is another from some hour on.

    Attributes:
        title: For the table.
        wanted: The alarm that is right.
        subjects: Its subjects that are right; any, where empty.
        shift: Of the first number, in standard deviations.
        shares: Of the classes.
        repeated: Share of the requests with one and the same input.
    """

    title: str
    wanted: Kind | None = None
    subjects: tuple[str, ...] = ()
    shift: float = 0.0
    shares: tuple[float, ...] = SHARES
    repeated: float = 0.0


QUIET = Change("no drift")
CHANGES = (
    *(
        Change(f"mean shift of {shift} sigma", Kind.INPUT_DRIFT, (NUMBERS[0],), shift=shift)
        for shift in (0.25, 0.5, 1.0)
    ),
    Change("missing class (35 %)", Kind.CLASS_ABSENT, ("b",), shares=MISSING),
    Change(f"repeated input ({REPEATED:.0%})", Kind.REPEATED, repeated=REPEATED),
)


@dataclass
class Hour:
    """Requests of one hour: when, and the values of each column."""

    times: Any
    columns: dict[str, Any]
    repeated: int


class Stream:
    """A training, and requests hour by hour."""

    def __init__(self, seed: Sequence[int], per_hour: int) -> None:
        self._source = np.random.default_rng(seed)
        self._per_hour = per_hour
        self.hours: list[Hour] = []
        trained = self._columns(TRAINING, QUIET)
        held_out = self._columns(HELD_OUT, QUIET)[PREDICTION]
        self.baseline = Baseline(
            rows=TRAINING,
            numeric={n: describe_numbers(_values(trained[n], Dtype.FLOAT)) for n in NUMBERS},
            categorical={n: describe_categories(_values(trained[n])) for n in CATEGORIES},
            target=describe_categories(_values(held_out)),
            predictions=describe_categories(_values(held_out)),
        )

    def go_on(self, change: Change) -> None:
        """One more hour of requests, as many as come by chance."""
        count = int(self._source.poisson(self._per_hour))
        begin = (BEGIN + timedelta(hours=len(self.hours))).timestamp()
        columns = self._columns(count, change)
        same = self._source.random(count) < change.repeated
        if same.any():
            for name, values in columns.items():
                values[same] = values[same][0] if name == PREDICTION else _usual(name)
        times = np.sort(begin + self._source.random(count) * 3600)
        self.hours.append(Hour(times, columns, int(same.sum())))

    def _columns(self, count: int, change: Change) -> dict[str, Any]:
        found: dict[str, Any] = {name: self._source.normal(0, 1, count) for name in NUMBERS}
        found[NUMBERS[0]] += change.shift
        for name, shares in CATEGORIES.items():
            found[name] = self._source.choice(
                [f"{name}-{i}" for i in range(len(shares))], count, p=shares
            )
        found[PREDICTION] = self._source.choice(CLASSES, count, p=change.shares)
        return found


def _usual(name: str) -> Any:
    return 0.0 if name in NUMBERS else f"{name}-0"


def _values(values: Any, dtype: Dtype = Dtype.STRING) -> Values:
    return Values(dtype, values, np.zeros(len(values), dtype=np.bool_))


def a_look(stream: Stream, state: WatchState) -> tuple[list[tuple[Kind, str]], WatchState]:
    """Look at a stream at the end of its last hour; the alarms that open."""
    until = BEGIN + timedelta(hours=len(stream.hours))
    asked = Asked(
        model="simulated",
        version="1.0.0-1.1",
        since=BEGIN,
        until=until,
        baseline=stream.baseline,
        signature=SIGNATURE,
    )
    windows = windows_of(asked.rules, BEGIN, until)
    tally = Tally(asked, windows, {})
    recent = stream.hours[-int(asked.rules.window_hours) :]
    times = np.concatenate([hour.times for hour in recent])
    places = (np.array(windows.begins)[None, :] > times[:, None]).sum(axis=1)
    for name, column in (*tally.features.columns.items(), *tally.answers.columns.items()):
        values = np.concatenate([hour.columns[name] for hour in recent])
        column.count(values.tolist(), places, np.ones(len(values)))
    for place, count in enumerate(np.bincount(places, minlength=len(tally.slices)).tolist()):
        for part in ("requests", "answered", "inputs", "predictions", "every"):
            setattr(tally.slices[place], part, count)
    at = 0
    for hour in recent:  # windows begin at whole hours, so an hour is in one from end to end
        if len(hour.times):
            tally.inputs[places[at]] += Counter({b"same": hour.repeated, b"other": 1})
        at += len(hour.times)
    for at, hour in enumerate(stream.hours):
        tally.hours[(BEGIN + timedelta(hours=at)).strftime("%Y-%m-%dT%H")] = len(hour.times)
    seen, after = concluded(asked, tally, windows, state, at=until)
    opened = [a.finding for a in seen.alarms if a.state is AlarmState.OPENED]
    return [(finding.kind, finding.subject) for finding in opened], after


def quiet_week(seed: int, per_hour: int) -> list[int]:
    """A week without drift: alarms that open, by look."""
    stream, state, opened = Stream((1, seed), per_hour), WatchState(model="simulated"), []
    for _ in range(WEEK_HOURS):
        stream.go_on(QUIET)
        alarms, state = a_look(stream, state)
        opened.append(len(alarms))
    return opened


def quiet_days(seed: int, per_hour: int) -> tuple[Stream, WatchState]:
    """What every change of a run comes after."""
    stream, state = Stream((2, seed), per_hour), WatchState(model="simulated")
    for _ in range(QUIET_HOURS):
        stream.go_on(QUIET)
        _, state = a_look(stream, state)
    return stream, state


def until_seen(change: Change, stream: Stream, state: WatchState) -> int | None:
    """Requests from a change until the right alarm; None where a week is not enough."""
    requests = 0
    for _ in range(WEEK_HOURS):
        stream.go_on(change)
        requests += len(stream.hours[-1].times)
        alarms, state = a_look(stream, state)
        if any(k is change.wanted and s in (change.subjects or (s,)) for k, s in alarms):
            return requests
    return None


def false_alarms(weeks: int, per_hour: int) -> Report:
    """How often there is an alarm where nothing is wrong."""
    found = [quiet_week(seed, per_hour) for seed in range(weeks)]
    bad = sum(any(week) for week in found)
    looks = weeks * WEEK_HOURS
    opened = sum(count for week in found for count in week)
    budget = Asked.__dataclass_fields__["rules"].default_factory().chance  # type: ignore[misc]
    return Report(
        title="False alarms",
        notes=[f"{weeks} weeks of {per_hour} requests an hour on average, a look an hour"],
        columns=["", "of", "with a false alarm", "share", "95 % interval"],
        rows=[
            ["weeks", str(weeks), str(bad), f"{bad / weeks:.1%}", _interval(bad, weeks)],
            ["looks", str(looks), str(opened), f"{opened / looks:.3%}", _interval(opened, looks)],
        ],
        verdicts=[f"the budget is {budget:.0%} of the weeks"],
        figures={"weeks": weeks, "weeks_with_alarm": bad, "looks": looks, "alarms": opened},
    )


def detections(runs: int, per_hour: int) -> Report:
    """How many requests it takes until each change is seen."""
    report = Report(
        title="Requests until detection",
        notes=[
            f"{runs} runs each, {QUIET_HOURS} hours without drift before",
            f"{per_hour} requests an hour on average, a look an hour",
        ],
        columns=["change", "seen within a week", "median", "p90", "hours (median)"],
    )
    before = [quiet_days(seed, per_hour) for seed in range(runs)]
    for change in CHANGES:
        found = [until_seen(change, deepcopy(stream), state) for stream, state in before]
        seen = [count for count in found if count is not None]
        # One that is not seen counts as endless: quantiles must not look better than they are.
        every = sorted(count if count is not None else np.inf for count in found)
        median, p90 = (every[min(runs - 1, int(q * runs))] for q in (0.5, 0.9))
        told = [f"{each:,.0f}" if np.isfinite(each) else "never" for each in (median, p90)]
        hours = f"{median / per_hour:.0f}" if np.isfinite(median) else "never"
        report.rows.append([change.title, f"{len(seen)}/{runs}", *told, hours])
        report.figures[change.title] = {"seen": len(seen), "runs": runs, "requests": found}
    return report


def _interval(hits: int, of: int) -> str:
    """The exact interval of a share (Clopper and Pearson, 1934)."""
    low = _root(lambda share: binomial_at_least(hits, of, share) - 0.025) if hits else 0.0
    high = _root(lambda share: 0.025 - binomial_at_most(hits, of, share)) if hits < of else 1.0
    return f"{low:.2%} to {high:.2%}"


def _root(rises: Any) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < 0 else (low, middle)
    return (low + high) / 2


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--per-hour", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begin = time.perf_counter()
    reports = [false_alarms(given.weeks, given.per_hour), detections(given.runs, given.per_hour)]
    reports[-1].verdicts.append(f"{time.perf_counter() - begin:.0f} seconds")
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
