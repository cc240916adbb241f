"""Start due: trainings of models whose spec has a schedule, once in each period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.records import ModelRecord
from servery.domain.signature import Task
from servery.domain.spec import Schedule
from servery.errors import ConflictError, RetryableError, UnavailableError

if TYPE_CHECKING:
    from servery.ports import Clock, Registry, TrainingQueue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The event of the schedule; nothing of it is read."""


class StartedDue(msgspec.Struct, frozen=True, kw_only=True):
    """The trainings that were started now."""

    started: list[str]


def start_due(*, registry: Registry, queue: TrainingQueue, clock: Clock) -> StartedDue:
    """Start the training of each model that is due.

    Periods of `every_hours` are counted from 1970. A model is due when no run of its training,
    by hand or by schedule, began in the present period. The name of the training says the
    model and the period, so that looking twice, or two at once, starts one training only.

    Raises:
        UnavailableError: some could not be started now; the others were.
    """
    now = clock.now()
    started: list[str] = []
    failed: list[str] = []
    for model in registry.models():
        begin = _period(model, now)
        if begin is None:
            continue
        training_id = f"{model.name}-{begin:%Y%m%dT%H%M%SZ}"
        try:
            if not _has_run(registry, model.name, begin):
                event: dict[str, object] = {
                    "training_id": training_id,
                    "origin": "schedule",
                    "spec": model.spec,
                }
                queue.start(training_id, event)
                started.append(training_id)
        except ConflictError:
            continue  # it runs already, or has failed without leaving a record
        except RetryableError:
            failed.append(training_id)
    if failed:
        raise UnavailableError(f"these trainings could not be started: {', '.join(failed)}")
    return StartedDue(started=started)


def _period(model: ModelRecord, now: datetime) -> datetime | None:
    """When the present period of a model began; None for one without a schedule.

    A preprocessor has none: it is trained with its predictor.
    """
    if model.task == Task.PREPROCESSING:
        return None
    try:
        schedule = msgspec.convert(model.spec.get("schedule", {}), Schedule)
    except msgspec.ValidationError:
        return None  # registered by other rules than today's
    if schedule.every_hours is None:
        return None
    length = timedelta(hours=schedule.every_hours)
    return now - (now - _EPOCH) % length


def _has_run(registry: Registry, model: str, begin: datetime) -> bool:
    return any(
        datetime.fromisoformat(run.started) >= begin for run in registry.runs(model, limit=1)
    )
