"""P1: one row, warm, from the bytes of the event to the bytes of the answer.

The model server and the plain handler, logs and metrics on; beside them a function that does
nothing but onnxruntime's own `run`. Each twice: in a process with the real `awslambdaric` as Lambda
runs it, and in one with all of it but the HTTP to the Runtime API, which takes the same of
everybody, and more than a fast handler itself.

    python -m benchmarks.warm_predict [--requests 300] [--rounds 7] [--models logistic ...] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.one_function import InMemoryFunction, OneFunction, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import beyond, cells, ratio, said, take_turns, timing
from benchmarks.served_models import ESTIMATORS, HANDLERS, ServedModel, proxy_event, served_model

SERVER, PLAIN, RUN, NOTHING = "model server", "plain handler", "onnxruntime's run", "nothing"
BYTES = ", bytes to bytes"
GOALS = {"logistic": 5.0, "forest": 100.0}
MOST_ABOVE = 0.0003
_WARM = 20


def subjects(model: ServedModel) -> dict[str, tuple[Subject, bytes]]:
    """Who is asked what."""
    ours, theirs = model.event(model.records()), proxy_event(model.records())
    graph = model.folder / "servery_model" / "model.onnx"
    return {
        SERVER: (model.in_image(), ours),
        PLAIN: (model.plain(), theirs),
        RUN: (Subject("run_only.handler", HANDLERS, {"MODEL_FILE": str(graph)}), ours),
        NOTHING: (Subject("nothing.handler", HANDLERS), ours),
    }


def measure(model: ServedModel, requests: int, rounds: int) -> Report:
    """One model's row: contestants take turns, each with a block of requests."""
    with ExitStack() as stack:
        contestants: dict[str, Callable[[], float]] = {}
        for name, (subject, event) in subjects(model).items():
            function = stack.enter_context(OneFunction(subject))
            alone = stack.enter_context(InMemoryFunction(subject))
            for _ in range(_WARM):
                answers = [json.loads(one.ask(event)) for one in (function, alone)]
            assert all(200 in answer.values() for answer in answers), answers
            contestants[name] = lambda function=function, event=event: (
                function.repeat(event, requests).processor
            )
            contestants[name + BYTES] = lambda alone=alone, event=event: alone.repeat(
                event, requests
            )
        taken = take_turns(contestants, rounds)
    return report(model.name, requests, rounds, taken)


def report(
    name: str,
    requests: int,
    rounds: int,
    taken: dict[str, list[float]],
) -> Report:
    """The figures of one model."""
    times = ratio(taken[PLAIN], taken[SERVER])
    alone = ratio(taken[PLAIN + BYTES], taken[SERVER + BYTES])
    above = timing(beyond(taken, SERVER, RUN))
    above_alone = timing(beyond(taken, SERVER + BYTES, RUN + BYTES))
    goal = f" (goal: {GOALS[name]:g})" if name in GOALS else ""
    return Report(
        title=f"P1: one row, warm, {name}; processor time of the function's process",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=[
            f"Bytes to bytes the plain handler takes {said(alone)} times as long{goal}.",
            f"With the HTTP of the runtime client: {said(times)} times as long.",
            f"Above onnxruntime's run: {above_alone.median * 1e3:.3f} ms bytes to bytes,",
            f"{above.median * 1e3:.3f} ms as Lambda runs both (goal: {MOST_ABOVE * 1e3:g} ms).",
        ],
        figures={
            "model": name,
            "seconds": taken,
            "times_plain": alone.median,
            "times_plain_with_runtime_client": times.median,
            "above_run": above_alone.median,
            "above_run_with_runtime_client": above.median,
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reports = [
            measure(served_model(name, Path(folder)), given.requests, given.rounds)
            for name in given.models
        ]
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
