"""P4: 1,000 rows of 30 columns in one request, as records and as a tensor.

The model server and the plain handler in processes with the real `awslambdaric`, MLServer in its
own; and, apart from all of them, what reading the body and writing the answer takes the codec.
MLServer knows no records and the plain handler no tensors.

    sh infra/bootstrap.sh servers
    python -m benchmarks.many_rows [--rows 1000] [--requests 10] [--rounds 7] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.inference import AnswerContext
from servery.domain.manifest import ModelRef
from servery.edge.inference import Codec

from benchmarks.http_servers import DEFAULTS, TUNED, HttpServer, mlserver, mlserver_body
from benchmarks.one_function import OneFunction
from benchmarks.report import Report, show
from benchmarks.rounds import cells, ratio, said, take_turns, timing
from benchmarks.served_models import (
    BOOSTING,
    ESTIMATORS,
    LOGISTIC,
    ServedModel,
    proxy_event,
    served_model,
)

RECORDS, TENSORS = "records", "tensor"
OURS, PLAIN = "model server", "plain handler"
MOST_SECONDS = 0.008
CONTEXT = AnswerContext(
    model="breast-cancer",
    model_version="1.0.0-d1.s1",
    request_id="f6e0f0ee-5b3c-4a7f-8d54-3f5d0f8f3b6b",
    served_by="champion",
    cache="off",
)


class _Folder:
    """The files of a model on disk: an `ArtifactSource`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, _ref: ModelRef, filename: str) -> bytes:
        """One of them."""
        return (self._folder / filename).read_bytes()


def codec_alone(model: ServedModel, body: bytes, times: int) -> Callable[[], float]:
    """Measures reading a body and writing its answer, without the model in between."""
    loader = ModelLoader(_Folder(model.folder / "servery_model"), load_runtime, Codec)
    loaded = loader.load(model.ref)
    prediction = loaded.predict(loaded.codec.decode(body))

    def measure() -> float:
        started = time.process_time()
        for _ in range(times):
            loaded.codec.encode(loaded.codec.decode(body), prediction, CONTEXT)
        return (time.process_time() - started) / times

    return measure


def contestants(
    model: ServedModel, rows: int, requests: int, scratch: Path, stack: ExitStack
) -> dict[str, Callable[[], float]]:
    """What each measures of itself: processor seconds for a request."""
    bodies = {RECORDS: model.records(rows), TENSORS: model.tensors(rows)}
    ours = stack.enter_context(OneFunction(model.in_image()))
    plain = stack.enter_context(OneFunction(model.plain()))
    found: dict[str, Callable[[], float]] = {}
    for form, body in bodies.items():
        event = model.event(body)
        answer = msgspec.json.decode(ours.ask(event))
        assert answer["status"] == 200, answer
        found[f"{OURS}, {form}"] = lambda event=event: ours.repeat(event, requests).processor
        found[f"its codec alone, {form}"] = codec_alone(model, body, requests)
    event = proxy_event(bodies[RECORDS])
    plain.ask(event)
    found[f"{PLAIN}, {RECORDS}"] = lambda: plain.repeat(event, requests).processor
    sent = mlserver_body(model, rows)
    for way in (DEFAULTS, TUNED):
        server = stack.enter_context(HttpServer(mlserver(model, way, scratch), scratch))
        server.ask(sent)
        found[f"{server.plan.name}, {TENSORS}"] = lambda server=server: server.repeat(
            sent, requests, 1
        )
    return found


def report(
    name: str, rows: int, requests: int, rounds: int, taken: dict[str, list[float]]
) -> Report:
    """The figures of one model."""
    verdicts, codec, times = [], {}, {}
    for form in (RECORDS, TENSORS):
        alone = codec[form] = timing(taken[f"its codec alone, {form}"]).median * 1e3
        goal = f"(goal: {MOST_SECONDS * 1e3:g} ms)"
        verdicts.append(f"Reading and writing as {form}: {alone:.2f} ms {goal}.")
    for each, seconds in taken.items():
        form = each.rpartition(", ")[2]
        if not each.startswith((OURS, "its")):
            longer = ratio(seconds, taken[f"{OURS}, {form}"])
            times[each] = longer.median
            verdicts.append(f"{each}: {said(longer)} times as long as the model server.")
    return Report(
        title=f"P4: {rows:,} rows of 30 columns in a request, {name}; processor time",
        notes=[f"{rounds} rounds in turns of {requests} requests each, after one that counts not."],
        columns=["", "us (median)", "fastest", "slowest"],
        rows=[[each, *cells(seconds)] for each, seconds in taken.items()],
        verdicts=verdicts,
        figures={
            "model": name,
            "rows": rows,
            "seconds": taken,
            "codec_ms": codec,
            "times": times,
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--models", nargs="+", choices=list(ESTIMATORS), default=[LOGISTIC, BOOSTING]
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    reports = []
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            model = served_model(name, Path(folder))
            asked = contestants(model, given.rows, given.requests, Path(folder), stack)
            taken = take_turns(asked, given.rounds)
        reports.append(report(name, given.rows, given.requests, given.rounds, taken))
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
