"""Start due: trainings of models whose spec has a schedule, once in each period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.pipeline_spec import Pipeline, StepName
from servery.domain.signature import Task
from servery.domain.spec import Schedule
from servery.domain.steps import before, up_to
from servery.errors import (
    ConflictError,
    FaultError,
    RetryableError,
    ServeryError,
    UnavailableError,
)

if TYPE_CHECKING:
    from servery.domain.records import ModelRecord, TrainingRecord
    from servery.ports import Clock, Registry, TrainingQueue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The event of the schedule; nothing of it is read."""


class StartedDue(msgspec.Struct, frozen=True, kw_only=True):
    """The trainings that were started now."""

    started: list[str]


class _Planned(msgspec.Struct, frozen=True, kw_only=True):
    """When a model is trained by itself, out of its spec; the rest of it is not looked at."""

    schedule: Schedule = msgspec.field(default_factory=Schedule)
    pipeline: Pipeline = msgspec.field(default_factory=Pipeline)


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was to do, out of its event."""

    only: StepName | None = None
    until: StepName | None = None
    keep: dict[StepName, Any] = {}


def start_due(
    *, registry: Registry, queue: TrainingQueue, pipelines: TrainingQueue, clock: Clock
) -> StartedDue:
    """Start the training of each model that is due.

    Periods of `every_hours` are counted from 1970. A model is due when no run of its training,
    by hand or by schedule, began in the present period. Where each step has a period of its own,
    the pipeline runs up to the last step that is due, and steps whose period is not over keep
    their last output. The name of the training says the model and the period, so that looking
    twice, or two at once, starts one training only.

    Raises:
        UnavailableError: some could not be started now; the others were.
        FaultError: some could not be started and will not be; the others were.
    """
    now = clock.now()
    started: list[str] = []
    failed: list[str] = []
    broken: list[str] = []
    for model in registry.models():
        planned = _planned(model)
        for starter, due in ((queue, _whole), (pipelines, _steps)):
            try:
                started += _start(starter, due(model, planned, registry, now))
            except RetryableError:
                failed.append(model.name)
            except ServeryError as error:
                broken.append(f"{model.name} ({error})")
    if broken:
        raise FaultError(f"trainings of these cannot be started: {', '.join(broken)}")
    if failed:
        raise UnavailableError(f"trainings of these could not be started: {', '.join(failed)}")
    return StartedDue(started=started)


def _planned(model: ModelRecord) -> _Planned:
    """When a model is trained by itself.

    A preprocessor is not: it is trained with its predictor.
    """
    if model.task == Task.PREPROCESSING:
        return _Planned()
    try:
        return msgspec.convert(model.spec, _Planned)
    except msgspec.ValidationError:
        return _Planned()  # registered by other rules than today's


_Due = Iterator[tuple[str, dict[str, Any]]]


def _start(starter: TrainingQueue, due: _Due) -> list[str]:
    """Start the first of those that are due of which there is none yet."""
    for training_id, event in due:
        try:
            starter.start(training_id, {"training_id": training_id, **event})
        except ConflictError:
            continue  # it runs already, or has failed without leaving a record
        return [training_id]
    return []


def _whole(model: ModelRecord, planned: _Planned, registry: Registry, now: datetime) -> _Due:
    """The training of a model in the present period, if it is due."""
    if planned.schedule.every_hours is None:
        return
    begin = _period(planned.schedule.every_hours, now)
    last = registry.runs(model.name, limit=1)
    if not any(_started(run) >= begin for run in last):
        yield _name(model, begin), {"origin": "schedule", "spec": model.spec}


def _steps(model: ModelRecord, planned: _Planned, registry: Registry, now: datetime) -> _Due:
    """The run of the pipeline up to the last step that is due, and nearer ones in its place."""
    begins = {
        step: _period(hours, now) for step, hours in sorted(planned.pipeline.every_hours.items())
    }
    if not begins:
        return
    runs = list(_runs(registry, model.name, min(begins.values())))
    due = [step for step in StepName if step in begins and not _ran(runs, step, begins[step])]
    for until in reversed(due):
        keep = {
            step: begin.isoformat()
            for step, begin in begins.items()
            if step in before(until) and step not in due
        }
        yield (
            f"{_name(model, begins[until])}-{until}",
            {
                "origin": "schedule",
                "spec": model.spec,
                "reuse": True,
                "until": until.value,
                "keep": {step.value: since for step, since in keep.items()},
            },
        )


def _runs(registry: Registry, model: str, since: datetime) -> Iterator[TrainingRecord]:
    """The runs of a model that began at some time or later."""
    page = registry.runs(model)
    while page:
        for run in page:
            if _started(run) < since:
                return
            yield run
        page = registry.runs(model, before=page[-1].training_id)


def _ran(runs: list[TrainingRecord], step: StepName, begin: datetime) -> bool:
    """Whether a run that began in a period was to come as far as a step, and did not keep it."""
    return any(_started(run) >= begin and _covers(run.event, step) for run in runs)


def _covers(event: dict[str, Any], step: StepName) -> bool:
    """Whether a run was to do a step; one whose event no step could read was to do none."""
    try:
        asked = msgspec.convert(event, _Asked)
    except msgspec.ValidationError:
        return False
    if asked.only is not None:
        return asked.only is step
    return step in up_to(asked.until or StepName.REGISTER) and step not in asked.keep


def _period(hours: int, now: datetime) -> datetime:
    """When the present period began."""
    return now - (now - _EPOCH) % timedelta(hours=hours)


def _started(run: TrainingRecord) -> datetime:
    return datetime.fromisoformat(run.started)


def _name(model: ModelRecord, begin: datetime) -> str:
    return f"{model.name}-{begin:%Y%m%dT%H%M%SZ}"
