"""P1: one row, warm, from the bytes of the event to the bytes of the answer.

The model server and the plain handler, each in a process with the real `awslambdaric`, logs and
metrics on; beside them a function that does nothing, and onnxruntime's own `run` alone.

    python -m benchmarks.warm_predict [--requests 300] [--rounds 7] [--models logistic ...] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.one_function import OneFunction, Subject
from benchmarks.report import Report, show
from benchmarks.rounds import beyond, cells, ratio, said, take_turns, timing
from benchmarks.served_models import ESTIMATORS, HANDLERS, ServedModel, proxy_event, served_model

SERVER, PLAIN, NOTHING, RUN = "model server", "plain handler", "nothing", "onnxruntime's run"
GOALS = {"logistic": 5.0, "forest": 100.0}
MOST_ABOVE = 0.0003
_WARM = 20


def run_alone(model: ServedModel, times: int) -> Callable[[], float]:
    """Measures onnxruntime's `run` of one row, with the options of the model server."""
    import numpy as np  # noqa: PLC0415
    from servery.adapters.onnx_runtime import OnnxRuntime  # noqa: PLC0415
    from servery.domain.manifest import read_manifest  # noqa: PLC0415

    content = (model.folder / "servery_model" / "manifest.json").read_bytes()
    signature = read_manifest(content, model.ref).signature
    runtime = OnnxRuntime.load(model.graph, digest=model.ref.digest, signature=signature)
    run: Any = runtime._run
    names: Any = runtime._outputs
    feed = {"numeric": np.array([list(model.rows[0].values())], np.float32)}

    def measure() -> float:
        for _ in range(_WARM):
            run(names, feed)
        started = time.process_time()
        for _ in range(times):
            run(names, feed)
        return (time.process_time() - started) / times

    return measure


def measure(model: ServedModel, requests: int, rounds: int) -> Report:
    """One model's row: contestants take turns, each with a block of requests."""
    ours = model.event(model.records())
    theirs = proxy_event(model.records())
    with ExitStack() as stack:

        def up(subject: Subject, event: bytes) -> Callable[[], float]:
            function = stack.enter_context(OneFunction(subject))
            for _ in range(_WARM):
                function.ask(event)
            return lambda: function.repeat(event, requests).processor

        contestants = {
            SERVER: up(model.in_image(), ours),
            PLAIN: up(model.plain(), theirs),
            NOTHING: up(Subject("nothing.handler", HANDLERS), ours),
            RUN: run_alone(model, requests),
        }
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
    alone = ratio(beyond(taken, PLAIN, NOTHING), beyond(taken, SERVER, NOTHING))
    whole, above = (timing(beyond(taken, SERVER, *less)) for less in ((RUN,), (RUN, NOTHING)))
    goal = f" (goal: {GOALS[name]:g})" if name in GOALS else ""
    return Report(
        title=f"P1: one row, warm, {name}; processor time of the function's process",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=[
            f"The plain handler takes {said(times)} times as long{goal}.",
            f"Without what the runtime client takes of either: {said(alone)} times as long.",
            f"Above onnxruntime's run: {whole.median * 1e3:.3f} ms with the runtime client,",
            f"{above.median * 1e3:.3f} ms without it (goal: {MOST_ABOVE * 1e3:g} ms).",
        ],
        figures={
            "model": name,
            "seconds": taken,
            "times_plain": times.median,
            "times_plain_without_runtime_client": alone.median,
            "above_run": whole.median,
            "above_run_without_runtime_client": above.median,
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
