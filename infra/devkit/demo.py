"""`servery demo`: two models from their data to answers over HTTP, each step shown."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from devkit import releases, rows, specs, training
from devkit.api import Api, ApiError, api
from devkit.screen import table
from devkit.sidebyside import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devkit.history import Passed, Progress
    from devkit.screen import Screen
    from devkit.stack import Deployed

MODELS = (("iris", "load"), ("diabetes", "image"))
_SHOWN = 2
_LIMIT = 560


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


def run(deployed: Deployed, screen: Screen) -> dict[str, Made]:
    """Train and release the models of the demonstration, side by side, and ask each of them.

    Raises:
        DevkitError: a training was refused or failed, or a release failed.
    """
    # Before the threads start: msgspec crashes when two of them meet a type for the first time.
    read = {model: specs.load(model_spec(model)) for model, _ in MODELS}
    with screen.doing() as tell, Board(screen, tell) as board:
        made = side_by_side(
            {model: partial(_make, deployed, board, read[model], mode) for model, mode in MODELS}
        )
    with api(deployed) as http:
        for model, _ in MODELS:
            _ask(http, screen, model)
        _ask_wrongly(http, screen)
    return made


def summary(
    screen: Screen, deployed: Deployed, made: dict[str, Made], seconds: float, instance: str
) -> None:
    """The table of what happened, the addresses, and how to go on or stop."""
    lines = [[phase.title, phase.detail, f"{phase.seconds:.1f} s"] for phase in screen.phases]
    for model, one in made.items():
        trained = f"{one.output['version']}  {one.measured}"
        lines.append([f"Train {model}", trained, f"{one.training_seconds:.1f} s"])
        shown = f"{one.record.get('released_as', '')}  {one.record.get('mode', '')}"
        lines.append([f"Release {model}", shown, f"{one.release_seconds:.1f} s"])
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


def as_values(screen: Screen, made: dict[str, Made]) -> dict[str, Any]:
    """What happened, for machines."""
    return {
        "phases": [asdict(phase) for phase in screen.phases],
        "trained": {model: asdict(one) for model, one in made.items()},
    }


def _make(deployed: Deployed, board: Board, read: dict[str, Any], mode: str) -> Made:
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
    training.raise_unless_registered(output)
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
    _show(http, screen, path, {"records": records})
    tensors = [
        {"name": name, "shape": [len(records)], "datatype": "FP64", "data": list(column)}
        for name, column in zip(
            records[0], zip(*(r.values() for r in records), strict=True), strict=True
        )
    ]
    _show(http, screen, path, {"id": "demo", "inputs": tensors})


def _ask_wrongly(http: Api, screen: Screen) -> None:
    """Show how a wrong request is refused."""
    model = MODELS[0][0]
    record = rows.from_spec(model_spec(model))[0]
    wrong = {**record, next(iter(record)): "long"}
    _show(http, screen, f"/v2/models/{model}/infer", {"records": [wrong]})


def model_spec(model: str) -> Path:
    """The spec of a model of the demonstration."""
    return specs.EXAMPLES / f"{model}.yaml"


def _show(http: Api, screen: Screen, path: str, body: dict[str, Any]) -> None:
    screen.say()
    screen.say(f"POST {path}", style="bold")
    screen.say(_short(body, _LIMIT // 2), style="dim")
    started = time.monotonic()
    try:
        answer, content = http.send("POST", path, body)
        said = f"HTTP {answer.status_code}"
    except ApiError as error:
        content, said = error.problem, f"HTTP {error.status}"
    screen.say(f"{said}  {(time.monotonic() - started) * 1000:.0f} ms through the local cloud")
    screen.say(_short(content), style="green" if said == "HTTP 200" else "yellow")


def _short(content: Any, limit: int = _LIMIT) -> str:  # noqa: ANN401
    text = json.dumps(_rounded(content), ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]} ..."


def _rounded(content: Any) -> Any:  # noqa: ANN401
    """For reading: four digits after the point."""
    if isinstance(content, float):
        return round(content, 4)
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    return [_rounded(one) for one in content] if isinstance(content, list) else content
