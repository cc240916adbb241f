"""What a session takes to be made: from which file, and with which options of onnxruntime.

In a process that has made one before. From the graph as it is exported; from one that onnxruntime
optimised before, with its optimiser off; from its own ORT format; and with each option of a session
by itself. Each answers the same rows with the same bits, or the report says which does not. A cold
start is measured beside them, so that it can be seen how much of it there is to win.

    python -m benchmarks.session_options [--rounds 15] [--models logistic forest] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

from benchmarks.cold_functions import compile_ours, first_answer
from benchmarks.forest import grow
from benchmarks.report import Report, show
from benchmarks.rounds import cells, take_turns, timing
from benchmarks.served_models import BOOSTING, ESTIMATORS, FOREST, LOGISTIC, served_model

OURS = "as it is served"
STARTS = "a whole cold start, model in image"
LARGE, TRAINED_ON = "forest of 20,000 rows", 20_000
ROWS = 64
OFF = GraphOptimizationLevel.ORT_DISABLE_ALL


def options(*, arena: bool = True, **entries: str) -> SessionOptions:
    """The options of a model server, and others beside them."""
    made = SessionOptions()
    made.intra_op_num_threads = made.inter_op_num_threads = 1
    made.log_severity_level = 3
    made.enable_cpu_mem_arena = arena
    for name, value in entries.items():
        made.add_session_config_entry(f"session.{name}", value)
    return made


def unoptimised(**entries: str) -> SessionOptions:
    """The same, and what the file holds is taken as it is."""
    made = options(**entries)
    made.graph_optimization_level = OFF
    return made


def written(graph: bytes, path: Path, **entries: str) -> bytes:
    """What onnxruntime makes of a graph, as a file."""
    making = options(**entries)
    making.optimized_model_filepath = str(path)
    session(graph, making)
    return path.read_bytes()


def session(content: bytes, chosen: SessionOptions) -> InferenceSession:
    """A session."""
    return InferenceSession(content, chosen, providers=["CPUExecutionProvider"])


def ways(graph: bytes, folder: Path) -> dict[str, tuple[bytes, Callable[[], SessionOptions]]]:
    """What a session is made of, and with which options."""
    optimised = written(graph, folder / "optimised.onnx")
    native = written(graph, folder / "model.ort", save_model_format="ORT")
    return {
        OURS: (graph, options),
        "optimiser off": (graph, unoptimised),
        "optimised before, optimiser off": (optimised, unoptimised),
        "ORT format": (native, unoptimised),
        "ORT format, bytes used where they are": (
            native,
            lambda: unoptimised(use_ort_model_bytes_directly="1"),
        ),
        "no arena": (graph, lambda: options(arena=False)),
        "nothing packed before": (graph, lambda: options(disable_prepacking="1")),
        "no thread spins": (
            graph,
            lambda: options(**{"intra_op.allow_spinning": "0"}),
        ),
    }


def answers(made: InferenceSession, matrix: np.ndarray[Any, Any]) -> list[list[Any]]:
    """What a session answers; a number that is the same in Python is so bit by bit."""
    return [np.asarray(each).tolist() for each in made.run(None, {"numeric": matrix})]


def measured(content: bytes, chosen: Callable[[], SessionOptions]) -> float:
    """Seconds of the processor that a session takes."""
    made = chosen()
    started = time.process_time()
    session(content, made)
    return time.process_time() - started


def differing(
    found: Mapping[str, tuple[bytes, Callable[[], SessionOptions]]], width: int
) -> list[str]:
    """Which ways answer other bits than the first one."""
    matrix = np.random.default_rng(0).normal(20, 10, (ROWS, width)).astype(np.float32)
    bits = {
        name: answers(session(content, chosen()), matrix)
        for name, (content, chosen) in found.items()
    }
    return [name for name, each in bits.items() if each != bits[OURS]]


def report(name: str, rounds: int, graph: bytes, start: Callable[[], float] | None) -> Report:
    """The figures of one model."""
    with tempfile.TemporaryDirectory() as folder:
        found = ways(graph, Path(folder))
        width = session(graph, options()).get_inputs()[0].shape[1]
        contestants = {
            each: lambda content=content, chosen=chosen: measured(content, chosen)
            for each, (content, chosen) in found.items()
        }
        taken = take_turns({**contestants, **({STARTS: start} if start else {})}, rounds)
        other = differing(found, width)
    ours = timing(taken[OURS])
    verdicts = [f"Other bits than {OURS}: {', '.join(other) or 'none'}."]
    if start:
        whole = timing(taken[STARTS])
        best = min(timing(seconds).low for each, seconds in taken.items() if each != STARTS)
        verdicts += [
            f"Making the session is {ours.low / whole.low:.1%} of a cold start.",
            f"The quickest way would save {(ours.low - best) / whole.low:.1%} of it.",
        ]
    return Report(
        title=f"Making a session, {name}; processor time",
        notes=[f"{len(graph):,} bytes of ONNX; {rounds} rounds in turns."],
        columns=["", "us (median)", "fastest", "slowest", "of ours", "bytes"],
        rows=[
            [
                each,
                *cells(seconds),
                f"{timing(seconds).low / ours.low:.2f}",
                f"{len(found[each][0]):,}" if each in found else "",
            ]
            for each, seconds in taken.items()
        ],
        verdicts=verdicts,
        figures={"model": name, "bytes": len(graph), "seconds": taken, "other_bits": other},
    )


def main() -> None:
    """Measure and print."""
    names = [*ESTIMATORS, LARGE]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--models", nargs="+", choices=names, default=[LOGISTIC, FOREST, BOOSTING, LARGE]
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    compile_ours()
    onnxruntime.set_default_logger_severity(3)
    reports = []
    for name in given.models:
        if name == LARGE:
            reports.append(report(name, given.rounds, grow(TRAINED_ON).graph, None))
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = served_model(name, Path(folder))
            event = model.event(model.records())

            def start(model: Any = model, event: bytes = event) -> float:
                return first_answer(model.in_image(), event).processor

            reports.append(report(name, given.rounds, model.graph, start))
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
