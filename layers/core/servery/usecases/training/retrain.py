"""Retrain: an alarm of the monitoring starts a training with the data that is there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.digest import digest_value
from servery.domain.keeping_rules import Retraining
from servery.domain.release_order import current
from servery.domain.release_records import ReleaseState
from servery.domain.releases import seen_at
from servery.domain.retrainings import CAUSES, Decision, Retrained
from servery.domain.signature import Task
from servery.errors import ConflictError, NotFoundError, RetryableError, ServeryError

if TYPE_CHECKING:
    from datetime import datetime

    from servery.domain.records import ModelRecord
    from servery.ports import Clock, Registry, Retrainings, RunningTrainings, TrainingQueue

ORIGIN = "alarm"
_UNDER_WAY = (ReleaseState.RUNNING, ReleaseState.WAITING)
_LONGEST_ALARM = 200


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What the monitoring says.

    Attributes:
        model: Name of the model.
        version: The version that it is about.
        kind: input_drift, prediction_drift, accuracy, ...
        subject: What it is about: a feature, a class.
        severity: How bad it is.
        said: One sentence.
        at: When, ISO 8601, UTC.
    """

    model: str
    kind: str
    said: str
    at: str
    version: str = ""
    subject: str = ""
    severity: str = ""

    @property
    def identity(self) -> str:
        """What makes the same alarm the same, however often it is told; sorts by time."""
        return f"{self.at}#{self.kind}#{self.subject}"[:_LONGEST_ALARM]


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the bus, as far as it is read."""

    detail: Alarm


@dataclass(frozen=True, slots=True)
class RetrainPorts:
    """What retraining works with.

    Attributes:
        registry: Models, and releases that are under way.
        kept: Which alarm was the last, and what became of each.
        running: Trainings that are under way.
        queue: Starts trainings.
        clock: The time.
    """

    registry: Registry
    kept: Retrainings
    running: RunningTrainings
    queue: TrainingQueue
    clock: Clock


class _Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What the spec says about it; the rest of it is not looked at."""

    retrain: Retraining = msgspec.field(default_factory=Retraining)
    task: Task = Task.CLASSIFICATION


def retrain(alarm: Alarm, ports: RetrainPorts) -> Retrained:
    """Start a training, if the spec wants one for such an alarm and its time has come.

    It is what answers that is trained again: the champion's spec is read, and not that of a version
    which was registered later and never made it. One is started at a time, and by alarms one in
    `at_most_every_hours`: of two alarms that come at once, one starts it. The training reads the
    data of the spec anew. Its event says what it was
    started by, so that the release which follows is gated and says so too. The same alarm told
    again starts nothing new.

    Returns:
        What was decided; it is kept as well.

    Raises:
        NotFoundError: there is no such model.
        RetryableError: it could not be started now; the same alarm again does.
    """
    now = ports.clock.now()
    spec = _spec(ports.registry.model(alarm.model), ports.registry)
    decision, because = _decide(spec, alarm, ports, now)
    training_id = ""
    if decision is Decision.STARTED:
        training_id = _start(spec, alarm, ports)
    record = Retrained(
        model=alarm.model,
        alarm=alarm.identity,
        at=now.isoformat(),
        kind=alarm.kind,
        subject=alarm.subject,
        said=alarm.said,
        decision=decision,
        because=because,
        training_id=training_id,
    )
    ports.kept.put_retraining(record)
    return record


def _spec(model: ModelRecord, registry: Registry) -> dict[str, Any]:
    """The spec that the champion was trained by; the model's last one where it was not trained."""
    deployment = current(model.name, registry)
    if deployment is None:
        return model.spec
    try:
        version = registry.version(model.name, deployment.champion.ref.version)
        trained = registry.trainings(model.name, version.promoted_from or version.version)
        made = next(t for t in trained if t.ref.training == deployment.champion.ref.training)
        spec = registry.run(model.name, made.training_id).event.get("spec")
    except (NotFoundError, StopIteration):
        return model.spec
    return spec if isinstance(spec, dict) else model.spec


def _decide(
    spec: dict[str, Any], alarm: Alarm, ports: RetrainPorts, now: datetime
) -> tuple[Decision, str]:
    """Whether one is to be started, and why; where it is, the right to it is claimed."""
    planned, model = msgspec.convert(spec, _Planned), alarm.model
    cause = CAUSES.get(alarm.kind)
    if planned.task is Task.PREPROCESSING:
        return Decision.UNWANTED, f"{model} is a preprocessor, trained with its predictor"
    if cause is None or cause not in planned.retrain.on:
        return Decision.UNWANTED, f"the spec's retrain.on does not have alarms of {alarm.kind}"
    name = _name(alarm)
    others = [running for running in ports.running.of(model) if running != name]
    if others:
        return Decision.BUSY, f"the training {others[0]} is under way"
    for release in ports.registry.releases(model, 1):
        if seen_at(release, now).state in _UNDER_WAY:
            return Decision.BUSY, f"the release {release.id} is under way"
    try:
        ports.kept.claim_retraining(
            model,
            alarm.identity,
            now=now.timestamp(),
            hours=planned.retrain.at_most_every_hours,
        )
    except ConflictError as error:
        return Decision.LIMITED, str(error)
    return Decision.STARTED, f"the spec's retrain.on has {cause}"


def _start(spec: dict[str, Any], alarm: Alarm, ports: RetrainPorts) -> str:
    name = _name(alarm)
    event: dict[str, object] = {
        "training_id": name,
        "origin": ORIGIN,
        "because": alarm.said,
        "spec": spec,
    }
    try:
        ports.queue.start(name, event)
    except ConflictError:
        return name  # started when the same alarm came before
    except RetryableError:
        raise
    except ServeryError:
        ports.kept.return_retraining(alarm.model, alarm.identity)
        raise
    return name


def _name(alarm: Alarm) -> str:
    """The name of the training that an alarm starts; the same for the same alarm."""
    return f"{alarm.model[:60]}-alarm-{digest_value([alarm.model, alarm.identity])[:12]}"
