"""A training as a pipeline: run whole, with other parameters only, and with nothing changed.

Processor time is not what counts here but the time that passes, so let nothing else run. Without
`--instance` the real steps work in this process on objects in memory, after one run to warm it up:
what is left out is the start of the functions, S3 and Step Functions. With it the state machine of
a deployed stack is timed from its start to its end, on functions that are warm after two runs.

    python -m benchmarks.pipeline_runs [--rows 20000] [--trees 100] [--rounds 5] [--json]
    python -m benchmarks.pipeline_runs --instance NAME [...]
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from fakes.training import STEPS, Training, as_csv
from servery.wiring import training as wiring

from benchmarks.report import Report, show

KINDS = {
    "whole": "everything is new",
    "parameters": "only the estimator's parameters are others",
    "unchanged": "nothing is",
}
FEATURES = 10

Runs = dict[str, list[dict[str, float]]]


def flowers_spec(trees: int, seed: int) -> dict[str, Any]:
    """A forest on ten numbers; the seed is a parameter, so that another one is other work."""
    numbers = [
        {"name": f"x{i}", "dtype": "float", "unit": "1", "range": [0, 10]} for i in range(FEATURES)
    ]
    return {
        "name": "measured",
        "owner": "benchmarks",
        "task": "classification",
        "data": {
            "uri": "measured.csv",
            "target": "kind",
            "columns": [*numbers, {"name": "kind", "dtype": "int", "unit": "1", "role": "target"}],
        },
        "estimator": {
            "class": "sklearn.ensemble.RandomForestClassifier",
            "params": {"n_estimators": trees, "max_depth": 12, "random_state": seed},
        },
        "metric": "accuracy",
    }


def data_of(rows: int, seed: int) -> bytes:
    """Rows whose class follows from two sums."""
    values = np.random.default_rng(seed).uniform(0, 10, (rows, FEATURES)).round(4)
    kinds = (values[:, :3].sum(axis=1) > 15).astype(int) + (values[:, 3:6].sum(axis=1) > 15)
    return as_csv(
        [
            {**{f"x{i}": value for i, value in enumerate(row)}, "kind": int(kind)}
            for row, kind in zip(values.tolist(), kinds, strict=True)
        ]
    )


def in_process(rows: int, trees: int, rounds: int) -> Runs:
    """Seconds of each step, by kind of run; the steps as the functions run them."""
    store, registry = MemoryObjectStore(), MemoryRegistry()
    measure = wiring.export_tools().measure

    def run(seed: int, data: bytes) -> dict[str, float]:
        training = Training(
            flowers_spec(trees, seed),
            data,
            training_id=f"run-{secrets.token_hex(6)}",
            store=store,
            registry=registry,
            asked={"reuse": True},
            measure=measure,
        )
        taken = {}
        for step in STEPS:
            begin = time.perf_counter()
            training.step(step)
            taken[step] = time.perf_counter() - begin
        return {**taken, "all": sum(taken.values())}

    return _rounds(lambda round_: data_of(rows, round_), run, rounds)


def deployed(instance: str, rows: int, trees: int, rounds: int) -> Runs:
    """Seconds of the states and of the whole execution on a stack, by kind of run."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "infra"))
    from devkit import deployments, instances, pipelines, training  # noqa: PLC0415

    stack = deployments.current(instances.find(instance))
    bucket = stack.outputs["ArtifactsBucketName"]
    mark = secrets.randbelow(10**8)  # what an earlier call of this left is not to be found

    def run(seed: int, data: bytes) -> dict[str, float]:
        key = f"raw/measured/{len(data)}-{hash(data)}.csv"
        stack.target.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
        spec = flowers_spec(trees, mark + seed)
        spec["data"]["uri"] = f"s3://{bucket}/{key}"
        taken: dict[str, float] = {}
        begin = time.perf_counter()
        started = pipelines.start(stack, {"origin": "benchmark", "spec": spec})
        output = training.follow(
            stack,
            started,
            passed=lambda state: taken.update({state.name.lower(): state.seconds}),
            running=lambda _: None,
        )
        whole = time.perf_counter() - begin
        if output["outcome"] != "registered":
            raise SystemExit(f"a run was {output['outcome']}: {output['reasons']}")
        return {**{step: taken[step] for step in STEPS}, "all": whole}

    return _rounds(lambda round_: data_of(rows, mark + round_), run, rounds)


def _rounds(
    data: Callable[[int], bytes], run: Callable[[int, bytes], dict[str, float]], rounds: int
) -> Runs:
    """Run whole, changed and unchanged in turns, each round on rows of its own."""
    found: Runs = {kind: [] for kind in KINDS}
    for round_ in range(rounds + 1):
        content = data(round_)
        for kind, seed in (("whole", 2 * round_), ("parameters", 2 * round_ + 1)):
            found[kind].append(run(seed, content))
        found["unchanged"].append(run(2 * round_ + 1, content))
    return {kind: taken[1:] for kind, taken in found.items()}  # the first round warms up


def report(title: str, notes: list[str], runs: Runs) -> Report:
    """Medians by step."""
    medians = {
        kind: {name: statistics.median(run[name] for run in taken) for name in taken[0]}
        for kind, taken in runs.items()
    }
    rows = [[name, *(f"{medians[kind][name]:.3f}" for kind in KINDS)] for name in (*STEPS, "all")]
    return Report(
        title=title,
        notes=notes,
        columns=["s, medians", *KINDS],
        rows=rows,
        verdicts=list(_verdicts(medians)),
        figures={"seconds": medians, "runs": runs},
    )


def _verdicts(medians: dict[str, dict[str, float]]) -> Iterator[str]:
    whole = medians["whole"]["all"]
    for kind, said in KINDS.items():
        yield f"{said}: {medians[kind]['all']:.3f} s, {medians[kind]['all'] / whole:.0%} of a whole"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instance", help="of a deployed stack; else in this process")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    work = (given.rows, given.trees, given.rounds)
    runs = deployed(given.instance, *work) if given.instance else in_process(*work)
    where = f"instance {given.instance}" if given.instance else "in one process, nothing over wires"
    notes = [
        f"{given.rows:,} rows of {FEATURES} numbers, {given.trees} trees; {given.rounds} rounds.",
        f"Where: {where}.",
    ]
    show([report("Runs of a training pipeline", notes, runs)], as_json=given.json)


if __name__ == "__main__":
    main()
