"""What a cache in front of a model costs and saves: latency, calls of DynamoDB, and a stampede.

The gateway, its cache and the codecs are the real ones, over an emulated DynamoDB on the loopback
(MiniStack). The model server is a thread that sleeps, which is what a function that waits for
Lambda sees of it. The emulator answers a few hundred calls a second, so in the stampede, where two
hundred processes ask it at once, they wait longer for it than the 50 ms of the default.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from fakes.cache_plant import CachePlant
from fakes.dynamodb_emulator import emulated_dynamodb, lean_api
from fakes.signatures import FLOWER, FLOWERS
from servery.adapters.dynamodb_rows import DynamoDbRows
from servery.adapters.lean_dynamodb import LeanDynamoDb
from servery.domain.policies import CachePolicy
from servery.usecases.gateway import Gateway
from servery.wiring.settings import SystemClock

from benchmarks.report import Report, show

MODEL_SECONDS = 0.02
REQUESTS = 200
STAMPEDE = 200
PATIENCE = 20.0  # seconds that a process of the stampede waits for the emulator


class _Counted:
    """Counts the calls that are made of DynamoDB."""

    def __init__(self, api: LeanDynamoDb) -> None:
        self._api = api
        self.calls: Counter[str] = Counter()

    def call(self, operation: str, document: Any, *, seconds: float) -> Any:
        self.calls[operation] += 1
        return self._api.call(operation, document, seconds=seconds)


class Process:
    """A gateway's process, with a connection of its own to the table."""

    def __init__(self, plant: CachePlant, address: str, seconds: float = 1.0) -> None:
        self.plant = plant
        self.api = _Counted(lean_api(address))
        self.failures: list[Exception] = []
        api: Any = self.api
        self.table = DynamoDbRows(api, "cache", failed=self.failures.append, seconds=seconds)
        self.gateway: Gateway = plant.gateway(time.sleep, self.table)

    def ask(self, rows: list[dict[str, float]]) -> tuple[float, str]:
        """Seconds until the answer, and what the cache did; what is kept is written after it."""
        started = time.perf_counter()
        status, _, cache = self.plant.ask(self.gateway, {"records": rows}, flush=False)
        seconds = time.perf_counter() - started
        if status != 200:
            raise RuntimeError(f"answered {status}")
        return seconds, cache


def flowers(number: int, count: int = 1) -> list[dict[str, float]]:
    """Rows that differ from those of any other number."""
    first = 1 + number * count
    return [{**FLOWER, "sepal_length": (first + n) / 100_000} for n in range(count)]


def plant_of(policy: CachePolicy | None) -> CachePlant:
    """A model that takes its time."""
    plant = CachePlant(FLOWERS, policy, clock=SystemClock())
    answer = plant.servers.answer

    def slow(event: dict[str, Any]) -> Any:
        time.sleep(MODEL_SECONDS)
        return answer(event)

    plant.servers.answer = slow
    return plant


def latencies(address: str) -> Report:
    """A hit, a miss and no cache."""
    report = Report(
        "A prediction through the gateway, with and without its cache",
        [
            f"model server: {MODEL_SECONDS * 1000:.0f} ms a call; {REQUESTS} requests a line",
            "calls: of DynamoDB, before the answer and after it",
        ],
        ["", "cache", "p50 ms", "p99 ms", "calls before", "calls after"],
    )
    off, table_only = plant_of(None), plant_of(CachePolicy(hot_kb=0))
    hot = plant_of(CachePolicy())
    alone = plant_of(CachePolicy(hot_kb=0, single_flight_ms=0, generation=1))
    cases: list[tuple[str, CachePlant, Callable[[int], list[dict[str, float]]]]] = [
        ("off, 1 row", off, flowers),
        ("miss, 1 row", table_only, flowers),
        ("miss, 1 row, no single flight", alone, flowers),
        ("hit in the table, 1 row", table_only, flowers),
        ("hit in the process, 1 row", hot, lambda n: flowers(1)),
        ("off, 100 rows", off, lambda n: flowers(0, 100)),
        ("1 missing of 100 rows", table_only, lambda n: [*flowers(0, 99), *flowers(500 + n)]),
        ("hit in the table, 100 rows", table_only, lambda n: flowers(0, 99)),
        ("hit in the process, 100 rows", hot, lambda n: flowers(0, 99)),
    ]
    for name, plant, rows in cases:
        report.rows.append(_measured(name, Process(plant, address), rows, report))
    return report


def _measured(
    name: str, process: Process, rows: Callable[[int], list[dict[str, float]]], report: Report
) -> list[str]:
    process.ask(rows(REQUESTS))  # the connection, the manifest, and what a hit finds
    process.table.flush(5.0)
    process.api.calls.clear()
    taken, states, after = [], Counter[str](), 0
    for number in range(REQUESTS):
        seconds, cache = process.ask(rows(number))
        before = sum(process.api.calls.values())
        process.table.flush(5.0)
        after += sum(process.api.calls.values()) - before
        taken.append(seconds * 1000)
        states[cache] += 1
    if process.failures:
        raise RuntimeError(f"the table failed: {process.failures[0]}")
    calls = sum(process.api.calls.values())
    p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    report.figures[name] = {"p50_ms": p50, "p99_ms": p99, "calls": calls / REQUESTS}
    said = states.most_common(1)[0][0]
    per = [f"{(calls - after) / REQUESTS:.2f}", f"{after / REQUESTS:.2f}"]
    return [name, said, f"{p50:.2f}", f"{p99:.2f}", *per]


def stampede(address: str) -> Report:
    """Identical misses of as many processes, at the same moment."""
    report = Report(
        f"{STAMPEDE} identical requests at the same moment, each of another process",
        [f"model server: {MODEL_SECONDS * 1000:.0f} ms; the emulator is asked by all of them"],
        ["single flight", "predictions", "hits", "calls of DynamoDB", "slowest s"],
    )
    for name, milliseconds, generation in (("on", 10_000, 10), ("off", 0, 11)):
        policy = CachePolicy(single_flight_ms=milliseconds, generation=generation)
        plant = plant_of(policy)
        processes = [Process(plant, address, PATIENCE) for _ in range(STAMPEDE)]
        together, said = threading.Barrier(STAMPEDE), []

        def run(process: Process, said: list[Any] = said, gate: Any = together) -> None:
            gate.wait()
            said.append(process.ask(flowers(7)))
            process.table.flush(PATIENCE)

        threads = [threading.Thread(target=run, args=(process,)) for process in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = sum(sum(process.api.calls.values()) for process in processes)
        hits = sum(cache == "hit" for _, cache in said)
        slowest = max(seconds for seconds, _ in said)
        failures = sum(len(process.failures) for process in processes)
        report.rows.append([name, str(len(plant.rows)), str(hits), str(calls), f"{slowest:.2f}"])
        report.figures[name] = {"predictions": len(plant.rows), "hits": hits, "calls": calls}
        if failures or len(said) != STAMPEDE:
            report.verdicts.append(f"the table failed {failures} processes; {len(said)} answered")
    return report


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache_latency", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures for machines")
    as_json = parser.parse_args().json
    logging.disable(logging.CRITICAL)
    with emulated_dynamodb({"CacheTable": "cache"}) as address:
        show([latencies(address), stampede(address)], as_json=as_json)


if __name__ == "__main__":
    main()
