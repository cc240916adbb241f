"""Releases what a training made, where its spec says so or an alarm asked for the training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_records import OPEN, ReleaseOrigin, ReleaseState
from servery.errors import ConflictError, UnavailableError
from servery.usecases.registry.asking import ReleaseRequest, ask_release

if TYPE_CHECKING:
    from servery.domain.records import TrainingRecord
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import Clock, ObjectStore, Registry, ReleaseQueue

_ORIGINS = {"schedule": ReleaseOrigin.SCHEDULE, "alarm": ReleaseOrigin.ALARM}


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """The training that has ended.

    Attributes:
        model: Name of the model.
        training_id: Name of the execution.
    """

    model: str
    training_id: str


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        release: Id of the release; empty where none was started.
        said: Why, or why not.
    """

    release: str = ""
    said: str


def release_trained(
    event: Trained,
    *,
    registry: Registry,
    objects: ObjectStore,
    queue: ReleaseQueue,
    clock: Clock,
    entropy: Callable[[], str],
) -> Started:
    """Ask for the release of what a training made, in the name of whatever started it.

    Called twice it asks once: a release that was asked for this very training is found, unless
    it could not be started. One that nobody knows to go on is handed over again, which starts it
    once.

    Raises:
        UnavailableError: another change of the model is under way; try again.
        RejectedError: it may not be released; the sentence says why.
    """
    run = registry.run(event.model, event.training_id)
    if not run.version:
        return Started(said=f"the training ended {run.outcome}; there is nothing to release")
    found = _asked_before(run, registry)
    if found is not None:
        _start(found, queue)
        return Started(release=found.id, said="it was asked for already")
    origin = _ORIGINS.get(str(run.event.get("origin", "")), ReleaseOrigin.TRAINING)
    try:
        record = ask_release(
            event.model,
            ReleaseRequest(version=run.version, training=run.training),
            registry=registry,
            objects=objects,
            queue=queue,
            clock=clock,
            entropy=entropy,
            origin=origin,
            because=_because(run, origin),
        )
    except ConflictError as error:
        raise UnavailableError(str(error)) from error
    return Started(release=record.id, said=record.because)


def _asked_before(run: TrainingRecord, registry: Registry) -> ReleaseRecord | None:
    asked = (run.version, run.training)
    releases = registry.releases(run.model)
    found = next((r for r in releases if (r.version, r.training) == asked), None)
    return None if found is not None and _never_began(found) else found


def _start(record: ReleaseRecord, queue: ReleaseQueue) -> None:
    """Hand a release over once more that does not go on: whoever asked may have died before."""
    if record.state in OPEN and not record.execution:
        with suppress(ConflictError):  # it has been, and is over by now
            queue.start(record)


def _never_began(record: ReleaseRecord) -> bool:
    return record.state is ReleaseState.FAILED and not record.execution


def _because(run: TrainingRecord, origin: ReleaseOrigin) -> str:
    what = {
        ReleaseOrigin.SCHEDULE: "a training by schedule",
        ReleaseOrigin.ALARM: "a training that an alarm started",
    }.get(origin, "a training")
    return f"{what} made {run.version} {run.training} ({run.training_id})"
