"""P9: what predictions take of AWS and cost, for one row, a thousand and a million; by pattern.

Synchronous requests: the functions' own processor time, on loopback, requests of up to 1,000 rows.
Batches: calls and states counted over moto, the functions' processor time in memory. Jobs: calls
counted for some, the rest by what one more takes, which the tests hold to be the same. All at list
prices, against SageMaker Serverless Inference and an instance that is always on, with the time
that the plain handler takes for the same row.

    python -m benchmarks.cost_growth [--requests 1000] [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.counted_work import batch, batch_seconds, jobs, per_unit
from benchmarks.one_function import OneFunction
from benchmarks.prices import (
    TABLE,
    Work,
    always_on_usd,
    billed_seconds,
    sagemaker_serverless_usd,
)
from benchmarks.report import Report, show
from benchmarks.served_models import LOGISTIC, ServedModel, proxy_event, served_model
from benchmarks.whole_path import WholePath

SCALES = (1, 1_000, 1_000_000)
MOST_ROWS = 1_000  # of a request
GATEWAY_MB, SERVER_MB, WORKER_MB, SMALL_MB = 512, 1769, 512, 512
SMALL_SECONDS = 0.02  # billed of a function that only reads and writes a record
JOBS_COUNTED = (1, 20)
SERVERLESS_MB = 2048
VOLUMES = (1e6, 10e6, 100e6)
INSTANCE = "ml.t3.medium"


def synchronous(path: WholePath, model: ServedModel, rows: int, requests: int) -> Work:
    """Requests with so many rows in all; at most so many of them are really made."""
    each = min(rows, MOST_ROWS)
    count = rows // each
    event = proxy_event(model.records(each))
    path.ask(event)
    made = max(min(count, requests), 20)
    before = path.server.processor()
    gateway = path.gateway.repeat(event, made).processor
    server = billed_seconds((path.server.processor() - before) / made, SERVER_MB)
    # The gateway waits for the server, and is billed for that too.
    waiting = billed_seconds(gateway, GATEWAY_MB) + server
    return Work(
        rows=rows,
        invocations=((GATEWAY_MB, waiting), (SERVER_MB, server)) * count,
        log_lines=count,
        requests=count,
    )


def batched(rows: int) -> Work:
    """One file of so many rows."""
    counted, seconds = batch(rows), batch_seconds(rows)
    chunks = counted.invocations["predict"]
    predict = billed_seconds(seconds["predict"] / chunks, SERVER_MB)
    plan = billed_seconds(seconds["plan"], SERVER_MB)
    return Work(
        rows=rows,
        reads=counted.calls.of("dynamodb", reads=True),
        writes=counted.calls.of("dynamodb", reads=False),
        s3_reads=counted.calls.of("s3", reads=True),
        s3_writes=counted.calls.of("s3", reads=False),
        transitions=counted.transitions,
        invocations=(
            (SERVER_MB, plan),
            *([(SMALL_MB, SMALL_SECONDS)] * 2),
            *([(SERVER_MB, predict)] * chunks),
        ),
    )


def as_jobs(model_seconds: float) -> dict[int, Work]:
    """So many rows as a job each, out of what a few take."""
    small, large = (jobs(count) for count in JOBS_COUNTED)
    each = per_unit(small, large)
    found = {}
    for rows in SCALES:
        # A worker takes up to 100 jobs, and asks the model for up to 64 of them at once.
        calls = -(-rows // 64)
        invoked = ((WORKER_MB, SMALL_SECONDS),) * -(-rows // 100)
        found[rows] = Work(
            rows=rows,
            reads=rows,  # a hundred are read by one call, each for a unit
            writes=each["dynamodb writes"] * rows,
            messages=2 * rows,  # each message is sent and received by itself
            invocations=(
                *((SMALL_MB, SMALL_SECONDS),) * rows,
                *invoked,
                *((SERVER_MB, billed_seconds(model_seconds * rows / calls, SERVER_MB)),) * calls,
            ),
            log_lines=rows,
            requests=rows,
        )
    return found


def growth(works: Sequence[Work]) -> float:
    """What the most rows cost each, of what the second most do."""
    return works[-1].usd_per_million_rows() / works[-2].usd_per_million_rows()


def report(patterns: dict[str, list[Work]], plain_seconds: float, carried: int) -> Report:
    """The figures of all patterns, and what others charge."""
    rows = []
    for name, works in patterns.items():
        for work in works:
            calls = [work.reads, work.writes, work.s3_reads, work.s3_writes, work.transitions]
            cells = [f"{call:,.0f}" for call in calls]
            told = [f"{work.lambda_ms:,.1f}", f"{work.usd_per_million_rows():,.4f}"]
            rows.append([f"{name}, {work.rows:,} rows", *cells, *told])
    serverless = sagemaker_serverless_usd(plain_seconds, SERVERLESS_MB, carried)
    always = {volume: always_on_usd(INSTANCE, volume) for volume in VOLUMES}
    one = next(iter(patterns.values()))[0]
    days = [price.of for price in TABLE.values()]
    bare = dataclasses.replace(one, log_lines=0, requests=0)
    verdicts = [
        f"{name}: a row of a million costs {growth(works):.3f} of a row of a thousand "
        "(goal: no more than 1.05)."
        for name, works in patterns.items()
    ]
    verdicts += [
        f"A million requests of one row: {one.usd() * 1e6:.2f} dollars,",
        f"{bare.usd() * 1e6:.2f} without API Gateway and the prediction log, as the others are;",
        f"SageMaker Serverless with {SERVERLESS_MB} MB: {serverless * 1e6:.2f};",
        *(
            f"an {INSTANCE} always on, at {volume / 1e6:.0f} million a month: {usd * 1e6:.2f}."
            for volume, usd in always.items()
        ),
    ]
    return Report(
        title="P9: what predictions take of AWS, and what they cost at list prices",
        notes=[
            f"Prices as known of {min(days)} to {max(days)}; look them up before quoting.",
            f"Functions that only read or write a record are taken at {SMALL_SECONDS * 1e3:g} ms.",
        ],
        columns=["", "DynamoDB r", "w", "S3 r", "w", "states", "Lambda ms", "$ a million rows"],
        rows=rows,
        verdicts=verdicts,
        figures={
            "patterns": {
                name: [
                    {
                        "rows": work.rows,
                        "dynamodb": [work.reads, work.writes],
                        "s3": [work.s3_reads, work.s3_writes],
                        "transitions": work.transitions,
                        "lambda_ms": work.lambda_ms,
                        "usd_per_million_rows": work.usd_per_million_rows(),
                    }
                    for work in works
                ]
                for name, works in patterns.items()
            },
            "sagemaker_serverless_usd_per_million": serverless * 1e6,
            "always_on_usd_per_million": {f"{v:.0f}": usd * 1e6 for v, usd in always.items()},
            "prices": {name: dataclasses.asdict(price) for name, price in TABLE.items()},
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000, help="of a million rows, really made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = served_model(LOGISTIC, Path(folder))
        with WholePath(model) as path:
            requests = [synchronous(path, model, rows, given.requests) for rows in SCALES]
        event = proxy_event(model.records())
        with OneFunction(model.plain()) as plain:
            answer = plain.ask(event)
            plain_seconds = plain.repeat(event, 100).processor
    model_seconds = requests[-1].invocations[1][1] / MOST_ROWS
    patterns = {
        "requests": requests,
        "jobs": list(as_jobs(model_seconds).values()),
        "batch": [batched(rows) for rows in SCALES],
    }
    show([report(patterns, plain_seconds, len(event) + len(answer))], as_json=given.json)


if __name__ == "__main__":
    main()
