"""P2: the gateway's own processor time for a request, without whoever it asks.

The real gateway (parse, route, policies, logs, metrics) and the same by Powertools' resolver with
validation, each in a process with the real `awslambdaric`. The record of the deployment, the model
server and the prediction log are in the memory of both, so that what is left is their own.

    python -m benchmarks.gateway_alone [--requests 300] [--rounds 7] [--rows 1 100] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec
from servery.domain.deployment import Deployment

from benchmarks.one_function import OneFunction, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import beyond, cells, ratio, said, take_turns
from benchmarks.served_models import HANDLERS, LOGISTIC, ServedModel, proxy_event, served_model

GATEWAY, RESOLVER, NOTHING = "gateway", "Powertools resolver", "nothing"
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
        functions = {
            name: stack.enter_context(OneFunction(subject))
            for name, subject in subjects(model).items()
        }
        for name, function in functions.items():
            for _ in range(_WARM):
                answer = msgspec.json.decode(function.ask(event))
            assert name == NOTHING or answer["statusCode"] == 200, answer
        taken = take_turns(
            {
                name: lambda function=function: function.repeat(event, requests).processor
                for name, function in functions.items()
            },
            rounds,
        )
    return report(rows, requests, rounds, taken)


def report(rows: int, requests: int, rounds: int, taken: dict[str, list[float]]) -> Report:
    """The figures of requests of so many rows."""
    times = ratio(taken[RESOLVER], taken[GATEWAY])
    alone = ratio(beyond(taken, RESOLVER, NOTHING), beyond(taken, GATEWAY, NOTHING))
    return Report(
        title=f"P2: the gateway alone, {rows} rows of 30 columns; processor time of its process",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=[
            f"The resolver takes {said(times)} times as long (goal: {GOAL:g}).",
            f"Without what the runtime client takes of either: {said(alone)} times as long.",
        ],
        figures={
            "rows": rows,
            "seconds": taken,
            "times_resolver": times.median,
            "times_resolver_without_runtime_client": alone.median,
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
