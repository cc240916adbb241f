"""`servery demo`: two models from their data to answers over HTTP, each step shown."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from devkit import demo_later, exchange, outcomes, releases, rows, specs, training
from devkit.api import Api, api
from devkit.screen import table
from devkit.sidebyside import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devkit.deployments import Deployed
    from devkit.history import Passed, Progress
    from devkit.screen import Screen

MODELS = (("iris", "load"), ("diabetes", "image"))
_SHOWN = 2


@dataclass
class Board:
    """What both models are doing at the moment; closed, it shows nothing more."""

    screen: Screen
    tell: Callable[[str], None]
    doing: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.closed = True

    def now(self, model: str, what: str) -> None:
        """Say what a model is doing."""
        with self.lock:
            self.doing[model] = what
            if not self.closed:
                self.tell("   ".join(f"{m}: {w}" for m, w in self.doing.items()))

    def done(
        self, model: str, what: str, detail: str, seconds: float, *, failed: bool = False
    ) -> None:
        """Say what a model has behind it."""
        with self.lock:
            if not self.closed:
                self.screen.done(f"{model:<10} {what}", detail, seconds, failed=failed)


@dataclass(frozen=True)
class Made:
    """What came of one model: the training's output, the release's record, and their times."""

    output: dict[str, Any]
    record: dict[str, Any]
    measured: str
    training_seconds: float
    release_seconds: float


def run(deployed: Deployed, screen: Screen) -> tuple[dict[str, Made], demo_later.Later]:
    """Train and release the models of the demonstration, side by side, and ask each of them.

    Then one of them once more, by a job and by a batch.

    Raises:
        DevkitError: a training was refused or failed, or a release, the job or the batch failed.
    """
    # Before the threads start: msgspec crashes when two of them meet a type for the first time.
    read = {model: specs.load(model_spec(model)) for model, _ in MODELS}
    with screen.doing() as tell, Board(screen, tell) as board:
        made = side_by_side(
            {model: partial(make, deployed, board, read[model], mode) for model, mode in MODELS}
        )
    with api(deployed) as http:
        for model, _ in MODELS:
            _ask(http, screen, model)
        _ask_wrongly(http, screen)
        model = MODELS[0][0]
        later = demo_later.run(deployed, http, screen, model, rows.from_spec(model_spec(model)))
    return made, later


def summary(
    screen: Screen,
    deployed: Deployed,
    made: dict[str, Made],
    later: demo_later.Later,
    *,
    seconds: float,
    instance: str,
) -> None:
    """The table of what happened, the addresses, and how to go on or stop."""
    lines = [[phase.title, phase.detail, f"{phase.seconds:.1f} s"] for phase in screen.phases]
    for model, one in made.items():
        trained = f"{one.output['version']}  {one.measured}"
        lines.append([f"Train {model}", trained, f"{one.training_seconds:.1f} s"])
        shown = f"{one.record.get('released_as', '')}  {one.record.get('mode', '')}"
        lines.append([f"Release {model}", shown, f"{one.release_seconds:.1f} s"])
    lines.extend(demo_later.lines(later))
    lines.append(["All", "trainings and releases side by side", f"{seconds:.1f} s"])
    screen.say()
    screen.show(table(["what", "", "time"], lines, title="What happened"))
    screen.say()
    screen.say(f"Page     {deployed.page}")
    screen.say(f"API      {deployed.api_url}")
    screen.say(f"API key  {deployed.api_key}")
    other = "" if instance == "demo" else f" --instance {instance}"
    screen.say(f"Next     .venv/bin/servery predict iris --example{other}")
    screen.say("Stop     " + (f"make down INSTANCE={instance}" if other else "make down"))


def as_values(screen: Screen, made: dict[str, Made], later: demo_later.Later) -> dict[str, Any]:
    """What happened, for machines."""
    return {
        "phases": [asdict(phase) for phase in screen.phases],
        "trained": {model: asdict(one) for model, one in made.items()},
        "job": later.job,
        "batch": later.batch,
    }


def make(deployed: Deployed, board: Board, read: dict[str, Any], mode: str) -> Made:
    """Train and release one model.

    Args:
        deployed: Where.
        board: Told of each step.
        read: The spec.
        mode: How it is served.

    Raises:
        DevkitError: the training was refused or failed, or the release failed.
    """
    model, started = str(read["name"]), time.monotonic()
    board.now(model, "upload")
    bucket = deployed.outputs["ArtifactsBucketName"]
    spec = specs.upload_data(read, specs.EXAMPLES, bucket, training.uploader(deployed))
    run_of = training.start(deployed, spec)
    board.done(model, "upload, start", run_of.training_id, time.monotonic() - started)

    def passed(state: Passed) -> None:
        if state.kind == "Task":
            again = f"{state.attempts} attempts" if state.attempts > 1 else ""
            board.done(model, state.name, again, state.seconds, failed=state.failed)

    def running(progress: Progress) -> None:
        board.now(model, progress.running or "waiting")

    output = training.follow(deployed, run_of, passed=passed, running=running)
    trained = time.monotonic()
    outcomes.raise_unless_registered(output)
    board.now(model, "release")
    with api(deployed) as http:
        record = releases.when_free(
            lambda: releases.release(
                http,
                model,
                version=output["version"],
                training=output.get("training"),
                mode=mode,
                step=lambda step: board.now(model, f"release, {step['name']}"),
            ),
            waiting=lambda: board.now(model, "waits for another release"),
        )
    took = time.monotonic() - trained
    board.done(model, f"release ({mode})", f"as {record.get('released_as', '')}", took)
    measured = f"{read['metric']} {output['metrics'][read['metric']]:.3f}"
    return Made(output, record, measured, trained - started, took)


def _ask(http: Api, screen: Screen, model: str) -> None:
    """Send real rows in both forms that the API takes, and show the answers."""
    records = rows.from_spec(model_spec(model))
    # Spread over the file, since the classes of some data sets lie one after the other.
    records = records[:: max(1, len(records) // _SHOWN)][:_SHOWN]
    path = f"/v2/models/{model}/infer"
    exchange.show(http, screen, path, {"records": records})
    tensors = [
        {"name": name, "shape": [len(records)], "datatype": "FP64", "data": list(column)}
        for name, column in zip(
            records[0], zip(*(r.values() for r in records), strict=True), strict=True
        )
    ]
    exchange.show(http, screen, path, {"id": "demo", "inputs": tensors})


def _ask_wrongly(http: Api, screen: Screen) -> None:
    """Show how a wrong request is refused."""
    model = MODELS[0][0]
    record = rows.from_spec(model_spec(model))[0]
    wrong = {**record, next(iter(record)): "long"}
    exchange.show(http, screen, f"/v2/models/{model}/infer", {"records": [wrong]})


def model_spec(model: str) -> Path:
    """The spec of a model of the demonstration."""
    return specs.EXAMPLES / f"{model}.yaml"
