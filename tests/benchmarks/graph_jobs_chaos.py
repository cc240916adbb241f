"""Graphs asked as jobs while everything goes wrong: does each job end once, with nothing lost?

What is real: submitting, answering parts by the engine, ending, telling, the sweep and following,
and in the second column the DynamoDB adapter, against moto. What is simulated: the clock, topic and
queues with at-least-once delivery, the bus, and the models, which are away, slow, or answer
garbage. A process dies before or after any call that has an effect, calls fail, messages come twice
and are carried out at the same time. Seeded, so it can be run again.

    python -m benchmarks.graph_jobs_chaos [--jobs 3000] [--emulated 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import boto3
from fakes.fan_out_chaos import Chaos, Findings
from fakes.template import create_table
from moto import mock_aws
from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
from servery.ports import GraphJobStore

StoreOf = Callable[[], AbstractContextManager[GraphJobStore | None]]
ROUND = 100  # jobs that are on their way together

ROWS = [
    ("jobs", "jobs"),
    ("jobs that followed an answer", "followed"),
    ("parts answered", "parts"),
    ("models asked", "asked"),
    ("processes that died", "deaths"),
    ("calls that failed", "failures"),
    ("messages delivered twice", "duplicates"),
    ("carried out at the same time", "overlapping"),
    ("done", "done"),
    ("of them without all parts", "partial"),
    ("failed", "failed"),
    ("late answers kept", "late"),
    ("ends told", "ends"),
    ("ends told again, the same", "ends_again"),
    ("answers told again, the same", "members_again"),
    ("messages given up", "dead"),
    ("simulated time, s", "simulated_s"),
]


@dataclass
class Run:
    """What all rounds against one store came to."""

    store: str
    found: Findings
    wall_s: float


def run(name: str, count: int, seed: int, store_of: StoreOf) -> Run:
    """So many jobs in rounds, each with a seed and a store of its own."""
    started = time.perf_counter()
    total = Findings()
    for number, first in enumerate(range(0, count, ROUND)):
        with store_of() as store:
            found = Chaos(seed * 10_000 + number, store).run(min(ROUND, count - first))
        for _, field in ROWS:
            setattr(total, field, getattr(total, field) + getattr(found, field))
        total.wrong += found.wrong
    return Run(name, total, time.perf_counter() - started)


@contextlib.contextmanager
def emulated_store() -> Iterator[GraphJobStore]:
    """The DynamoDB adapter on moto, the table as the template has it."""
    with mock_aws():
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client = boto3.client("dynamodb", region_name="eu-central-1", **keys)
        create_table(client, "JobsTable", "jobs")
        yield DynamoDbGraphJobs(client, "jobs")


def show(runs: Sequence[Run]) -> None:
    """Print the table, and whatever is wrong."""
    _say(f"{'':34}" + "".join(f"{run.store:>20}" for run in runs))
    for title, name in ROWS:
        values = [getattr(run.found, name) for run in runs]
        cells = "".join(f"{v:>20,.0f}" if isinstance(v, float) else f"{v:>20,}" for v in values)
        _say(f"{title:34}{cells}")
    _say(
        f"{'lost, ended twice, wrong, stuck':34}"
        + "".join(f"{len(r.found.wrong):>20}" for r in runs)
    )
    _say(f"{'wall time, s':34}" + "".join(f"{run.wall_s:>20.1f}" for run in runs))
    for sentence in [sentence for run in runs for sentence in run.found.wrong]:
        _say(sentence)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Run both and print what they came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=3_000)
    parser.add_argument("--emulated", type=int, default=50, help="jobs against moto; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    runs = [run("in memory", options.jobs, options.seed, contextlib.nullcontext)]
    if options.emulated:
        runs.append(run("DynamoDB on moto", options.emulated, options.seed, emulated_store))
    show(runs)


if __name__ == "__main__":
    main()
