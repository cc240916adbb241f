"""P9: what each pattern takes of AWS and costs, for one unit, a thousand and a million.

Calls of DynamoDB, S3 and the rest, state transitions, invocations and bytes are counted on a whole
stack: every function a process of its own with the settings of the template, every state machine
the real one, AWS behind HTTP. Milliseconds are the processor's time of those processes, stretched
to the memory that the template gives them, with the waits for other functions; the waits for AWS
are left out, so they are the least that is billed. Where fewer units were really made than the
table has, the rest is what one more takes, and the table says so.

    python -m benchmarks.cost_growth [--only NAME ...] [--against REV] [--write] [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fakes.template import ROOT

from benchmarks import counted_patterns as patterns
from benchmarks.before import at_revision
from benchmarks.counted_patterns import Pattern, Subjects, Usage
from benchmarks.idle_stack import POLL_SECONDS, POLLERS, Scheduled, polls, scheduled, standing
from benchmarks.one_function import OneFunction
from benchmarks.prices import (
    OTHERS,
    TABLE,
    always_on_usd,
    sagemaker_serverless_usd,
    unconfirmed,
    usd,
)
from benchmarks.report import Report, show
from benchmarks.served_models import LOGISTIC, proxy_event, served_model
from benchmarks.whole_stack import whole_stack

FILE = ROOT / "infra" / "budgets" / "calls.json"
SCALES = (1, 1_000, 1_000_000)
SERVERLESS_MB = 2048
VOLUMES = (1e6, 10e6, 100e6)
TRACED = 0.05  # of requests, by the default rule of X-Ray
PARTS: dict[str, Callable[[Subjects], dict[str, Pattern]]] = {
    "requests": patterns.requests,
    "caches": patterns.caches,
    "limits": patterns.limits,
    "jobs": patterns.jobs,
    "graph_jobs": patterns.graph_jobs,
    "batches": patterns.batches,
    "graphs": patterns.graphs,
    "staged": patterns.staged,
    "trainings": patterns.trainings,
}
SHOWN = {
    "dynamodb calls": "DynamoDB",
    "dynamodb reads": "read units",
    "dynamodb writes": "write units",
    "s3 reads": "S3 GET",
    "s3 writes": "S3 PUT",
    "transitions": "states",
    "invocations": "functions",
    "lambda ms": "Lambda ms",
}


def paid(usage: Usage) -> Usage:
    """What is paid for, the share of requests that are traced with it."""
    return {**usage, "traces": TRACED * usage.get("requests", 0.0)}


def growth(pattern: Pattern) -> float:
    """What a unit costs of a million, of what it costs of a thousand."""
    large, small = (usd(paid(pattern.whole(count))) / count for count in (SCALES[2], SCALES[1]))
    return large / small


def budget(found: Mapping[str, Pattern]) -> dict[str, Usage]:
    """What one more unit of each pattern takes, as far as it does not hang on the machine."""
    return {name: pattern.calls() for name, pattern in found.items() if not pattern.by_time}


def growth_report(found: Mapping[str, Pattern], drift: list[float]) -> Report:
    """All patterns at all scales."""
    rows = []
    for name, pattern in found.items():
        for count in SCALES:
            whole = pattern.whole(count)
            run = count in pattern.runs or (not pattern.runs and count <= pattern.made)
            cells = [f"{whole.get(key, 0.0):,.0f}" for key in SHOWN]
            dollars = usd(paid(whole)) / count * 1e6
            how = "run" if run else "computed"
            rows.append([f"{name}: {count:,}", *cells, f"{dollars:,.2f}", how])
    worst = max(found, key=lambda name: growth(found[name]))
    verdicts = [
        f"{name}: {growth(pattern):.3f} of what a thousand cost each (goal: 1.05 at the most)."
        for name, pattern in found.items()
    ]
    verdicts.append(f"The most is {growth(found[worst]):.3f}: {worst}.")
    if drift:
        verdicts.append(
            f"Processor time of a request, the later half of {len(drift)} blocks over the earlier, "
            f"least over least: {_drift(drift):.3f}; blocks differ by "
            f"{max(drift) / min(drift) - 1:.0%} between themselves."
        )
    doubtful = sorted({n for p in found.values() for n in unconfirmed(p.whole(1))})
    return Report(
        title="P9: what patterns take of AWS, and dollars for a million units",
        notes=[
            "Units are requests, jobs, rows of a batch, chunks, trainings, releases and trials.",
            "Milliseconds and dollars leave out the waits for AWS and the free tiers.",
            f"Paid at prices that no page confirmed: {', '.join(doubtful) or 'none'}.",
        ],
        columns=["units", *SHOWN.values(), "$ a million", "how"],
        rows=rows,
        verdicts=verdicts,
        figures={
            "patterns": {name: dataclasses.asdict(pattern) for name, pattern in found.items()},
            "growth": {name: growth(pattern) for name, pattern in found.items()},
            "drift": drift,
        },
    )


def _drift(blocks: list[float]) -> float:
    half = len(blocks) // 2
    return min(blocks[half:]) / min(blocks[:half])


def before_report(found: Mapping[str, Usage], before: Mapping[str, Usage], revision: str) -> Report:
    """What units take, against what they took."""
    rows = []
    for name, now in found.items():
        was = before.get(name)
        if was is None:
            rows.append([name, f"{usd(now) * 1e6:,.2f}", "", "new", ""])
            continue
        other = [
            f"{key} {was.get(key, 0):g} -> {now.get(key, 0):g}"
            for key in sorted({*was, *now})
            if abs(now.get(key, 0) - was.get(key, 0)) > 1e-9
        ]
        ratio = f"{usd(now) / usd(was):.3f}" if usd(was) else ""
        dollars = [f"{usd(each) * 1e6:,.2f}" for each in (now, was)]
        rows.append([name, *dollars, ratio, "; ".join(other) or "the same"])
    rows += [
        [name, "", f"{usd(before[name]) * 1e6:,.2f}", "gone", ""] for name in before.keys() - found
    ]
    return Report(
        title=f"P9: one more unit, against {revision}",
        notes=["Without Lambda's time, logs and bytes, which are not in the budget."],
        columns=["", "$ a million", "before", "ratio", "what changed"],
        rows=rows,
        figures={"before": dict(before), "against": revision},
    )


def idle_report(empty: dict[str, Scheduled], full: dict[str, Scheduled], models: int) -> Report:
    """What a month costs that nobody asks anything."""
    rows, total, more = [], 0.0, 0.0
    for name, run in full.items():
        month, bare = run.month(), empty[name].month()
        total += usd(month)
        more += usd(month) - usd(bare)
        cells = [f"{run.runs:,.0f}", f"{run.each['dynamodb calls'] + _listed(run):g}"]
        rows.append(
            [
                name,
                *cells,
                f"{run.each['lambda ms']:,.1f}",
                f"{usd(bare):,.3f}",
                f"{usd(month):,.3f}",
            ]
        )
    others = {"polls of queues": polls(), **standing(full)}
    for name, month in others.items():
        ((_, count),) = month.items()
        total += usd(month)
        rows.append([name, f"{count:,.0f}", "", "", f"{usd(month):,.3f}", f"{usd(month):,.3f}"])
    rows.append(["all of it", "", "", "", "", f"{total:,.2f}"])
    by_clock = total - sum(usd(month) for month in others.values())
    return Report(
        title="P9: what an idle stack costs a month, with the parameters' defaults",
        notes=[
            f"{models} models are released and none is asked; storage and free tiers left out.",
            f"Polls are computed: {POLLERS} of {POLL_SECONDS:g} s at each queue, as users have",
            "observed (https://github.com/getlift/lift/issues/132); AWS only says that it polls.",
        ],
        columns=[
            "",
            "a month",
            "calls each",
            "Lambda ms each",
            "$ without models",
            f"$ with {models}",
        ],
        rows=rows,
        verdicts=[
            f"A stack that is idle costs {total:.2f} dollars a month at list prices, not nothing:",
            f"{by_clock:.2f} for what runs by the clock, "
            + ", ".join(f"{usd(month):.2f} for {name}" for name, month in others.items())
            + ".",
            f"Each further model adds {more / max(models, 1):.3f}.",
        ],
        figures={
            "usd_a_month": total,
            "scheduled": {
                name: {"runs": run.runs, "each": run.each, "metrics": sorted(run.metrics)}
                for name, run in full.items()
            },
            "others": others,
        },
    )


def _listed(run: Scheduled) -> float:
    return run.each["s3 reads"] + run.each["s3 writes"] + run.each["sqs requests"]


def others_report(request: Pattern) -> Report:
    """A million requests of one row, here and elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        model = served_model(LOGISTIC, Path(folder))
        event = proxy_event(model.records())
        with OneFunction(model.plain()) as plain:
            answer = plain.ask(event)
            seconds = min(plain.repeat(event, 50).processor for _ in range(6))
    whole = paid(request.each)
    front = ("requests", "firehose bytes", "logged bytes", "traces")
    bare = {name: amount for name, amount in whole.items() if name not in front}
    serverless = sagemaker_serverless_usd(seconds, SERVERLESS_MB, len(event) + len(answer)) * 1e6
    rows = [
        ["this, all of it", f"{usd(whole) * 1e6:.2f}", _pages(whole)],
        ["this, without API, log and traces", f"{usd(bare) * 1e6:.2f}", _pages(bare)],
        [
            f"SageMaker Serverless, {SERVERLESS_MB} MB",
            f"{serverless:.2f}",
            OTHERS["SageMaker Serverless"].of,
        ],
    ]
    figures: dict[str, Any] = {"this": usd(whole) * 1e6, "bare": usd(bare) * 1e6}
    figures["SageMaker Serverless"] = serverless
    for instance in ("ml.t3.medium", "ml.m5.large", "EC2 t3.medium"):
        for volume in VOLUMES:
            dollars = always_on_usd(instance, volume) * 1e6
            name = f"{instance} always on, {volume / 1e6:.0f} million a month"
            rows.append([name, f"{dollars:.2f}", OTHERS[instance].of])
            figures[name] = dollars
    return Report(
        title="P9: dollars for a million requests of one row (30 numbers, logistic regression)",
        notes=[
            f"Elsewhere with the plain handler's processor time, {seconds * 1e3:.2f} ms; endpoints",
            "and instances have neither an API in front nor a log of predictions in these prices.",
        ],
        columns=["", "$", "price as of"],
        rows=rows,
        figures=figures,
    )


def _pages(usage: Usage) -> str:
    doubtful = unconfirmed(usage)
    return f"{', '.join(doubtful)} unconfirmed" if doubtful else "see the table of prices"


def prices_report() -> Report:
    """Every price with its page."""
    rows = [
        [
            name,
            f"{price.usd:g} for {price.per:,.0f} ({price.unit})",
            price.region or "not said",
            price.of,
            price.source or "UNCONFIRMED",
        ]
        for name, price in {**TABLE, **OTHERS}.items()
    ]
    return Report(
        title="Prices",
        notes=["List prices, first tier; pages as stored when they were read on 2026-11-23."],
        columns=["", "$", "region", "of", "page"],
        rows=rows,
        figures={name: dataclasses.asdict(price) for name, price in {**TABLE, **OTHERS}.items()},
    )


def drift_of(subjects: Subjects, blocks: int, each: int) -> list[float]:
    """Processor seconds of a request, in blocks one after the other."""
    rows = subjects.rows("breast-cancer")
    subjects.infer("breast-cancer", rows)  # starts what is not there
    found = []
    for _ in range(blocks):
        with subjects.stack.taking() as taken:
            for _ in range(each):
                subjects.infer("breast-cancer", rows)
        found.append(statistics.fmean(one.processor for one in taken.invocations) * 2)
    return found


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--requests", type=int, default=400, help="whose time is compared")
    parser.add_argument("--against", default="HEAD~1", help="revision whose budget is compared")
    parser.add_argument("--write", action="store_true", help="make what was counted the budget")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, Pattern] = {}
    with whole_stack() as stack:
        empty = scheduled(stack)
        subjects = Subjects(stack)
        for name in given.only:
            found |= PARTS[name](subjects)
        drift = drift_of(subjects, 20, given.requests // 20) if "requests" in given.only else []
        full = scheduled(stack)
        models = len(subjects.released)
    counted = {**budget(found), **idle_budget(empty)}
    if given.write:
        kept = json.loads(FILE.read_text()) if FILE.exists() and given.only != list(PARTS) else {}
        FILE.write_text(json.dumps(dict(sorted({**kept, **counted}.items())), indent=2) + "\n")
    reports = [growth_report(found, drift)]
    before = at_revision(FILE, given.against)
    reports.append(before_report(counted, before, given.against))
    reports.append(idle_report(empty, full, models))
    if "request" in found:
        reports.append(others_report(found["request"]))
    show([*reports, prices_report()], as_json=given.json)


def idle_budget(found: Mapping[str, Scheduled]) -> dict[str, Usage]:
    """What a run of each function by the clock takes of an empty stack, and how often it runs."""
    return {
        f"by the clock: {name}": {
            "runs a month": run.runs,
            **Pattern("run", run.each).calls(),
        }
        for name, run in found.items()
    }


if __name__ == "__main__":
    main()
