"""A model that is watched: its training, and lines of its log as a gateway writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from servery.domain.baseline import Baseline
from servery.domain.columns import Values
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.watch_rules import Monitor
from servery.domain.watching import Look, WatchState
from servery.usecases.monitoring.labelling import LabelLine
from servery.usecases.monitoring.recording import Entry
from servery.usecases.monitoring.watching import Asked, look
from servery.usecases.training.statistics import (
    describe_categories,
    describe_numbers,
    describe_predictions,
)

MODEL, VERSION = "rocks", "1.0.0-1.1"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CLASSES = ["granite", "basalt", "opal"]
SHARES = (0.6, 0.35, 0.05)
WEIGHTS = (3.0, -2.0, 0.5)

ROCKS = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        Field(name="mass", dtype=Dtype.FLOAT, unit="kg"),
        Field(name="gloss", dtype=Dtype.FLOAT, nullable=True),
        Field(name="site", dtype=Dtype.STRING, categories=["quarry", "river", "shore"]),
    ],
    output=Output(name="rock", dtype=Dtype.STRING, classes=list(CLASSES)),
)
PRICES = msgspec.structs.replace(
    ROCKS, task=Task.REGRESSION, output=Output(name="price", dtype=Dtype.FLOAT, unit="EUR")
)
SITES = ["quarry", "river", "shore"]


def rocks(source: np.random.Generator, count: int, *, shift: float = 0.0) -> list[dict[str, Any]]:
    """Rows as callers send them; `shift` moves the mass by so many standard deviations."""
    mass, gloss = source.normal(shift, 1, count), source.normal(5, 2, count)
    missing, site = source.random(count) < 0.1, source.choice(SITES, count, p=(0.5, 0.3, 0.2))
    return [
        {"mass": m, "gloss": None if gone else g, "site": s}
        for m, g, gone, s in zip(
            mass.tolist(), gloss.tolist(), missing.tolist(), site.tolist(), strict=True
        )
    ]


def named(source: np.random.Generator, count: int, shares: Sequence[float] = SHARES) -> list[str]:
    """What the model says of so many rows."""
    return [str(each) for each in source.choice(CLASSES, count, p=shares)]


def _values(dtype: Dtype, values: Sequence[Any]) -> Values:
    nulls = np.array([value is None for value in values])
    filled = [0 if value is None else value for value in values]
    return Values(dtype, np.array(filled), nulls)


def a_baseline(
    rows: int = 2000, held_out: int = 500, *, seed: int = 1, predictions: Any = None
) -> Baseline:
    """What a training on rocks leaves."""
    source = np.random.default_rng(seed)
    train = rocks(source, rows)
    said = named(source, held_out) if predictions is None else predictions
    task = Task.REGRESSION if isinstance(said[0], float) else Task.CLASSIFICATION
    return Baseline(
        rows=rows,
        numeric={
            name: describe_numbers(_values(Dtype.FLOAT, [row[name] for row in train]))
            for name in ("mass", "gloss")
        },
        categorical={
            "site": describe_categories(_values(Dtype.STRING, [row["site"] for row in train]))
        },
        target=describe_predictions(task, np.array(said)),
        predictions=describe_predictions(task, np.array(said)),
    )


BASELINE = a_baseline()


def asked(**changes: Any) -> Asked:
    """A model that has been champion for a day."""
    values: dict[str, Any] = {
        "model": MODEL,
        "version": VERSION,
        "since": NOW - timedelta(days=1),
        "until": NOW,
        "baseline": BASELINE,
        "signature": ROCKS,
        "limits": Limits(),
        "metrics": {"accuracy": 0.9},
    }
    return Asked(**(values | changes))


def rules(**changes: Any) -> Monitor:
    """Rules by which an hour and four hours are looked at."""
    return Monitor(**({"window_hours": 4, "absent_hours": 0.5, "label_hours": 4} | changes))


def a_line(
    number: int, *, at: datetime, rows: Any = None, said: Any = None, **changes: Any
) -> bytes:
    """A line of the log; `rows` were asked, and each was answered what `said` has for it."""
    given = rows if rows is not None else [{"mass": 0.0, "gloss": 5.0, "site": "river"}]
    told = said if said is not None else ["granite"] * len(given)
    key = "value" if isinstance(told[0], float) else "class"
    values: dict[str, Any] = {
        "request_id": f"r-{number}",
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "day": at.date().isoformat(),
        "model": MODEL,
        "model_version": VERSION,
        "status": 200,
        "rows": len(given),
        "latency_ms": 10.0,
        "input": msgspec.Raw(msgspec.json.encode({"records": given})),
        "output": msgspec.Raw(msgspec.json.encode({"predictions": [{key: t} for t in told]})),
    }
    return msgspec.json.encode(Entry(**(values | changes)))


def traffic(
    count: int,
    *,
    seed: int = 7,
    shift: float = 0.0,
    shares: Sequence[float] = SHARES,
    hours: tuple[float, float] = (4.0, 0.0),
    first: int = 0,
    until: datetime = NOW,
    **changes: Any,
) -> list[bytes]:
    """Requests of one row each, evenly spread between so many hours ago and so many."""
    source = np.random.default_rng(seed)
    begin, length = until - timedelta(hours=hours[0]), hours[0] - hours[1]
    rows, said = rocks(source, count, shift=shift), named(source, count, shares)
    return [
        a_line(
            first + i,
            at=begin + timedelta(hours=length * i / count),
            rows=[rows[i]],
            said=[said[i]],
            **changes,
        )
        for i in range(count)
    ]


def a_label(number: int, label: Any, *, row: int = 0, at: datetime = NOW) -> LabelLine:
    """What was true of a row."""
    time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return LabelLine(
        request_id=f"r-{number}", row=row, label=label, model=MODEL, time=time, day=time[:10]
    )


def looked(
    lines: Sequence[bytes],
    *,
    labels: Sequence[LabelLine] = (),
    state: WatchState | None = None,
    **changes: Any,
) -> tuple[Look, WatchState]:
    """One look, by rules of four hours unless others are given."""
    question = asked(**({"rules": rules()} | changes))
    before = state if state is not None else WatchState(model=MODEL)
    return look(question, lines, labels, before, at=question.until)
