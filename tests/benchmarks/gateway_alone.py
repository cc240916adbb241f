"""P2: the gateway's own processor time for a request, without whoever it asks.

The real gateway (parse, route, policies, logs, metrics) and the same by Powertools' resolver with
validation, each in a process with the real `awslambdaric`, once with its HTTP to the Runtime API
and once without. The record of the deployment, the model server and the prediction log are in the
memory of both, so that what is left is their own; the log's line is written and counted.

    python -m benchmarks.gateway_alone [--requests 300] [--rounds 7] [--rows 1 100] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
from servery.domain.deployment import Deployment

from benchmarks.one_function import InMemoryFunction, OneFunction, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import cells, ratio, said, take_turns
from benchmarks.served_models import HANDLERS, LOGISTIC, ServedModel, proxy_event, served_model

GATEWAY, RESOLVER, NOTHING = "gateway", "Powertools resolver", "nothing"
BYTES = ", bytes to bytes"
GOAL = 3.0
_WARM = 20


def subjects(model: ServedModel) -> dict[str, Subject]:
    """The contestants, before the same deployment."""
    record = model.folder / "deployment.json"
    deployment = Deployment(model=model.ref.model, revision=1, champion=model.served)
    record.write_bytes(msgspec.json.encode(deployment))
    settings = {"DEPLOYMENT_FILE": str(record), "POWERTOOLS_SERVICE_NAME": "gateway"}
    names = {GATEWAY: "gateway", RESOLVER: "resolver", NOTHING: "nothing"}
    return {
        name: Subject(f"{module}.handler", HANDLERS, settings) for name, module in names.items()
    }


def measure(model: ServedModel, rows: int, requests: int, rounds: int) -> Report:
    """Requests of so many rows: contestants take turns, each with a block of requests."""
    event = proxy_event(model.records(rows))
    with ExitStack() as stack:
        contestants: dict[str, Callable[[], float]] = {}
        for name, subject in subjects(model).items():
            function = stack.enter_context(OneFunction(subject))
            alone = stack.enter_context(InMemoryFunction(subject))
            for _ in range(_WARM):
                answers = [msgspec.json.decode(one.ask(event)) for one in (function, alone)]
            assert all(200 in answer.values() for answer in answers), answers
            contestants[name] = lambda function=function: function.repeat(event, requests).processor
            contestants[name + BYTES] = lambda alone=alone: alone.repeat(event, requests)
        taken = take_turns(contestants, rounds)
    return report(rows, requests, rounds, taken)


def report(rows: int, requests: int, rounds: int, taken: dict[str, list[float]]) -> Report:
    """The figures of requests of so many rows."""
    times = ratio(taken[RESOLVER], taken[GATEWAY])
    alone = ratio(taken[RESOLVER + BYTES], taken[GATEWAY + BYTES])
    return Report(
        title=f"P2: the gateway alone, {rows} rows of 30 columns; processor time of its process",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=[
            f"Bytes to bytes the resolver takes {said(alone)} times as long (goal: {GOAL:g}).",
            f"With the HTTP of the runtime client: {said(times)} times as long.",
        ],
        figures={
            "rows": rows,
            "seconds": taken,
            "times_resolver": alone.median,
            "times_resolver_with_runtime_client": times.median,
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 100], help="of a request")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = served_model(LOGISTIC, Path(folder))
        reports = [measure(model, rows, given.requests, given.rounds) for rows in given.rows]
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
