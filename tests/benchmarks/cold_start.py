"""P5: a cold start of the model server, from the start of the process to the first answer.

With the model in its image, and with the model fetched from S3 (MiniStack on loopback);
against the plain handler, with its packages' bytecode and without, and against what cannot be
less: importing numpy and onnxruntime, and making a session. Beside them stands what Lambda's own
runtime takes with a handler that does nothing, which every start has.

    python -m benchmarks.cold_start [--rounds 9] [--models logistic forest] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from fakes.dynamodb_emulator import emulated_dynamodb

from benchmarks.cold_functions import (
    COLUMNS,
    compile_ours,
    first_answer,
    first_line,
    ratios,
    rows_of,
    without_bytecode,
)
from benchmarks.one_function import REGION, Spent, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import said, take_turns
from benchmarks.served_models import (
    ESTIMATORS,
    FOREST,
    HANDLERS,
    LOGISTIC,
    ServedModel,
    proxy_event,
    served_model,
)

IMAGE, LOAD = "model in image", "model from S3"
PLAIN, BARE = "plain handler", "plain, without bytecode"
FLOOR = "libraries and session alone"
RUNTIME = "Lambda's runtime alone"
GOALS = {(PLAIN, IMAGE): 5.0, (BARE, IMAGE): 10.0, (PLAIN, LOAD): 5.0, (BARE, LOAD): 10.0}
MOST = {(IMAGE, FLOOR): 1.5, (LOAD, FLOOR): 2.5}
BUCKET = "artifacts"


@contextmanager
def s3_with(model: ServedModel) -> Iterator[str]:
    """An S3 on loopback, in a process of its own, that has the model's files."""
    with emulated_dynamodb({}, "s3") as address:
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for file in (model.folder / "servery_model").iterdir():
            key = f"{model.ref.prefix}/{file.name}"
            client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        yield address


def contestants(model: ServedModel, address: str, scratch: Path) -> dict[str, Callable[[], Spent]]:
    """What each measures of itself: one cold start."""
    ours, theirs = model.event(model.records()), proxy_event(model.records())
    image, load, plain = model.in_image(), model.from_s3(address, BUCKET), model.plain()
    bare = without_bytecode(plain, scratch / "bytecode")
    nothing = Subject("nothing.handler", HANDLERS)
    graph = str(model.folder / "servery_model" / "model.onnx")
    return {
        FLOOR: lambda: first_line(HANDLERS / "floor.py", graph),
        RUNTIME: lambda: first_answer(nothing, ours),
        IMAGE: lambda: first_answer(image, ours),
        LOAD: lambda: first_answer(load, ours),
        PLAIN: lambda: first_answer(plain, theirs),
        BARE: lambda: first_answer(bare, theirs),
    }


def report(name: str, rounds: int, taken: dict[str, list[Spent]]) -> Report:
    """The figures of one model."""
    verdicts, times = [], {}
    for goals, what in ((GOALS, "goal"), (MOST, "at most")):
        for (slow, fast), goal in goals.items():
            by_clock, by_processor = ratios(taken[slow], taken[fast])
            times[f"{slow} / {fast}"] = [by_clock.median, by_processor.median]
            verdicts.append(
                f"{slow}, of {fast}: {said(by_clock)} times by the clock, "
                f"{by_processor.median:.2f} by the processor ({what}: {goal:g})."
            )
    return Report(
        title=f"P5: cold start to the first answer, {name}",
        notes=[f"{rounds} rounds in turns, each with new processes, after one that counts not."],
        columns=COLUMNS,
        rows=rows_of(taken),
        verdicts=verdicts,
        figures={
            "model": name,
            "seconds": {
                each: [[one.clock, one.processor] for one in spent] for each, spent in taken.items()
            },
            "times": times,
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", nargs="+", choices=list(ESTIMATORS), default=[LOGISTIC, FOREST])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    compile_ours()
    reports = []
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder:
            model = served_model(name, Path(folder))
            with s3_with(model) as address:
                taken = take_turns(contestants(model, address, Path(folder)), given.rounds)
        reports.append(report(name, given.rounds, taken))
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
