"""The registry in memory, with the promises of the port and of the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from fakes.clock import SetClock
from servery.domain.deployment import Deployment
from servery.domain.records import ModelRecord, RegisteredTraining, TrainingRecord, VersionRecord
from servery.domain.release_records import OPEN, ReleaseRecord
from servery.domain.versioning import Stage, Version, stage_of, training_number
from servery.errors import ConflictError, NotFoundError
from servery.ports import Clock

R = TypeVar("R", bound=msgspec.Struct)


@dataclass
class Lease:
    """Who holds a name, until when (seconds since the epoch)."""

    owner: str
    until: float


class MemoryRegistry:
    """Every record goes through JSON, so what cannot be stored for real cannot be stored here.

    Args:
        clock: What the leases go by; one that stands still when none is given.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SetClock()
        self._models: dict[str, bytes] = {}
        self._versions: dict[tuple[str, str], bytes] = {}
        self._trainings: dict[tuple[str, str, str], bytes] = {}
        self._runs: dict[tuple[str, str], bytes] = {}
        self._history: dict[str, list[bytes]] = {}
        self._releases: dict[tuple[str, str], bytes] = {}
        self.leases: dict[str, Lease] = {}

    def models(self) -> list[ModelRecord]:
        return [_read(self._models[name], ModelRecord) for name in sorted(self._models)]

    def model(self, name: str) -> ModelRecord:
        if name not in self._models:
            raise NotFoundError("there is no model of that name")
        return _read(self._models[name], ModelRecord)

    def put_model(self, record: ModelRecord) -> None:
        known = self._models.get(record.name)
        if known is None or _read(known, ModelRecord).updated <= record.updated:
            self._models[record.name] = msgspec.json.encode(record)

    def versions(self, model: str) -> list[VersionRecord]:
        found = [_read(v, VersionRecord) for (m, _), v in self._versions.items() if m == model]
        return sorted(found, key=lambda record: _place(record.version))

    def version(self, model: str, version: str) -> VersionRecord:
        try:
            return _read(self._versions[model, version], VersionRecord)
        except KeyError:
            raise NotFoundError("there is no such version of that model") from None

    def add_version(self, record: VersionRecord) -> None:
        stage_of(record.version)
        if (record.model, record.version) in self._versions:
            raise ConflictError(f"{record.model} {record.version} is registered already")
        self._versions[record.model, record.version] = msgspec.json.encode(record)

    def trainings(self, model: str, version: str) -> list[RegisteredTraining]:
        found = [
            _read(document, RegisteredTraining)
            for key, document in self._trainings.items()
            if key[:2] == (model, version)
        ]
        return sorted(found, key=lambda training: training_number(training.ref.training))

    def add_training(self, training: RegisteredTraining) -> None:
        ref = training.ref
        training_number(ref.training)
        key = (ref.model, ref.version, ref.training)
        if key in self._trainings:
            raise ConflictError(f"{ref.model} {ref.version} has a {ref.training} already")
        self._trainings[key] = msgspec.json.encode(training)

    def put_run(self, record: TrainingRecord) -> None:
        self._runs[record.model, record.training_id] = msgspec.json.encode(record)

    def runs(self, model: str, limit: int = 50, before: str = "") -> list[TrainingRecord]:
        found = [_read(r, TrainingRecord) for (m, _), r in self._runs.items() if m == model]
        if before:
            last = _age(self.run(model, before))
            found = [run for run in found if _age(run) < last]
        return sorted(found, key=_age, reverse=True)[:limit]

    def run(self, model: str, training_id: str) -> TrainingRecord:
        if (model, training_id) not in self._runs:
            raise NotFoundError("there is no such training of that model")
        return _read(self._runs[model, training_id], TrainingRecord)

    def deployment(self, model: str) -> Deployment:
        if model not in self._history:
            raise NotFoundError("nothing of that model is released")
        return _read(self._history[model][-1], Deployment)

    def deployments(self) -> list[Deployment]:
        return [self.deployment(model) for model in sorted(self._history)]

    def put_deployment(self, deployment: Deployment) -> None:
        history = self._history.get(deployment.model, [])
        if deployment.revision != len(history) + 1:
            raise ConflictError(
                f"the deployment of {deployment.model} has changed meanwhile; "
                f"revision {deployment.revision} does not follow what is stored"
            )
        self._history[deployment.model] = [*history, msgspec.json.encode(deployment)]

    def deployment_history(self, model: str, limit: int = 20, before: int = 0) -> list[Deployment]:
        history = self._history.get(model, [])
        newest_first = (history[: before - 1] if before else history)[::-1]
        return [_read(document, Deployment) for document in newest_first[:limit]]

    def put_release(self, record: ReleaseRecord) -> None:
        known = self._releases.get((record.model, record.id))
        if known is not None and _read(known, ReleaseRecord).state not in OPEN:
            raise ConflictError(f"the release {record.id} has ended already")
        self._releases[record.model, record.id] = msgspec.json.encode(record)

    def release(self, model: str, release_id: str) -> ReleaseRecord:
        if (model, release_id) not in self._releases:
            raise NotFoundError("there is no such release of that model")
        return _read(self._releases[model, release_id], ReleaseRecord)

    def releases(self, model: str, limit: int = 20, before: str = "") -> list[ReleaseRecord]:
        found = [
            _read(document, ReleaseRecord)
            for (name, release_id), document in self._releases.items()
            if name == model and (not before or release_id < before)
        ]
        return sorted(found, key=lambda record: record.id, reverse=True)[:limit]

    def take_lease(self, name: str, owner: str, *, seconds: float) -> None:
        now = self._clock.now().timestamp()
        held = self.leases.get(name)
        if held is not None and held.owner != owner and held.until > now:
            raise ConflictError(
                f"{name} is held by {held.owner} for another {held.until - now:.0f} s"
            )
        self.leases[name] = Lease(owner, now + seconds)

    def end_lease(self, name: str, owner: str) -> None:
        held = self.leases.get(name)
        if held is not None and held.owner == owner:
            del self.leases[name]


def _place(name: str) -> tuple[bool, Version | str]:
    """Versions in their order, experiments by name behind them."""
    experiment = stage_of(name) is Stage.EXPERIMENT
    return experiment, name if experiment else Version.parse(name)


def _read(document: bytes, kind: type[R]) -> R:
    return msgspec.json.decode(document, type=kind)


def _age(run: TrainingRecord) -> tuple[str, str]:
    return run.started, run.training_id
