"""Records for tests: valid, small, and different only where a test says so."""

from __future__ import annotations

from typing import Any

from servery.domain.deployment import Deployment, Served, Server
from servery.domain.identity import Identity
from servery.domain.manifest import ModelRef, Runtime
from servery.domain.records import (
    ModelRecord,
    Outcome,
    RegisteredTraining,
    TrainingRecord,
    VersionRecord,
)
from servery.domain.release_records import ReleaseKind, ReleaseRecord, ReleaseState
from servery.domain.serving import Mode
from servery.domain.versioning import stage_of

VERSION = "0.1.0-dabc1234.sdef5678"


def a_ref(version: str = VERSION, training: str = "tr0", **changes: Any) -> ModelRef:
    values = {
        "model": "iris",
        "version": version,
        "training": training,
        "prefix": f"models/iris/{version}/{training}",
        "digest": "d" * 64,
        "manifest_digest": "e" * 64,
        "runtime": Runtime.ONNX,
    }
    return ModelRef(**(values | changes))


def a_model(name: str = "iris", **changes: Any) -> ModelRecord:
    values = {
        "name": name,
        "owner": "botany",
        "task": "classification",
        "description": "",
        "spec": {"name": name, "serving": {"mode": "load"}},
        "updated": "2026-03-01T12:00:00+00:00",
    }
    return ModelRecord(**(values | changes))


def a_version(version: str = VERSION, **changes: Any) -> VersionRecord:
    values = {
        "model": "iris",
        "version": version,
        "stage": stage_of(version).value,
        "identity": Identity(interface="1" * 64, logic="2" * 64, data="3" * 64, split="4" * 64),
        "created": "2026-03-01T12:00:00+00:00",
        "metrics": {"accuracy": 0.97},
        "runtime": Runtime.ONNX,
    }
    return VersionRecord(**(values | changes))


def a_training(version: str = VERSION, training: str = "tr0", **ref: Any) -> RegisteredTraining:
    return RegisteredTraining(
        ref=a_ref(version, training, **ref),
        training_id=f"iris-{training}",
        created="2026-03-01T12:00:00+00:00",
        metrics={"accuracy": 0.97},
    )


def a_run(training_id: str = "iris-1", **changes: Any) -> TrainingRecord:
    values = {
        "training_id": training_id,
        "model": "iris",
        "outcome": Outcome.REGISTERED,
        "started": "2026-03-01T12:00:00+00:00",
        "finished": "2026-03-01T12:01:00+00:00",
        "event": {"spec": {"name": "iris"}},
    }
    return TrainingRecord(**(values | changes))


def a_server(number: int = 1, mode: Mode = Mode.LOAD, code: str = "code-1") -> Server:
    return Server(
        function=f"predictor:{number}", function_version=str(number), code=code, mode=mode
    )


def a_deployment(revision: int = 1, **changes: Any) -> Deployment:
    values = {
        "model": "iris",
        "revision": revision,
        "champion": Served(ref=a_ref("1.1.0-dabc1234.sdef5678"), server=a_server()),
    }
    return Deployment(**(values | changes))


def a_release(release_id: str = "20260301T120000-aaaa", **changes: Any) -> ReleaseRecord:
    values = {
        "id": release_id,
        "model": "iris",
        "kind": ReleaseKind.RELEASE,
        "state": ReleaseState.RUNNING,
        "started": "2026-03-01T12:00:00+00:00",
    }
    return ReleaseRecord(**(values | changes))
