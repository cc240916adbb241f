"""Asks for a release: checked, recorded and handed over; it is carried out in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.manifest import MANIFEST, read_manifest
from servery.domain.records import RegisteredTraining, ReleaseKind, ReleaseRecord, ReleaseState
from servery.domain.release_order import check_order
from servery.domain.releases import LEASE_SECONDS, ended, release_id, release_lease
from servery.domain.spec import Mode
from servery.domain.versioning import Stage
from servery.errors import (
    ArtifactError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ServeryError,
    Violation,
)

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.domain.records import VersionRecord
    from servery.ports import Clock, ObjectStore, Registry, ReleaseQueue

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class ReleaseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may ask for.

    Attributes:
        kind: `release` makes a new champion, `roll` moves the servers onto the deployed code.
        version: Development or production version; the newest development one when left out.
        training: `trN` of a development version; its newest one when left out.
        mode: image or load; what the spec says when left out.
    """

    kind: ReleaseKind = ReleaseKind.RELEASE
    version: Name | None = None
    training: Name | None = None
    mode: Mode | None = None


def ask_release(
    model: str,
    request: ReleaseRequest,
    *,
    registry: Registry,
    objects: ObjectStore,
    queue: ReleaseQueue,
    clock: Clock,
    entropy: Callable[[], str],
) -> ReleaseRecord:
    """Record a release and start it.

    Args:
        model: Name of the model.
        request: What is asked for.
        registry: Where everything is recorded.
        objects: The manifests.
        queue: Who carries it out.
        clock: The time.
        entropy: A few random characters, for the id.

    Returns:
        The record of the running release.

    Raises:
        NotFoundError: there is no such model.
        InvalidInputError: there is no such version or training, or a roll names one.
        ConflictError: another change of the deployment is under way, or there is nothing to
            release or to roll.
        ReleaseOrderError: half of a pair that another change has to come before.
        RetryableError: it could not be started; nothing is left of it.
    """
    registry.model(model)
    now = clock.now()
    version, training = _subject(model, request, registry)
    if request.kind is ReleaseKind.RELEASE:
        _check_order(registry.version(model, version), training, registry, objects)
    record = ReleaseRecord(
        id=release_id(now, entropy()),
        model=model,
        kind=request.kind,
        state=ReleaseState.RUNNING,
        version=version,
        training=training,
        mode=request.mode or "",
        started=now.isoformat(),
    )
    lease = release_lease(model)
    try:
        registry.take_lease(lease, record.id, seconds=LEASE_SECONDS)
    except ConflictError as error:
        raise ConflictError(f"a change of {model} is under way: {error}") from error
    try:
        registry.put_release(record)
        queue.start(record)
    except ServeryError as error:
        _give_up(record, error, registry, clock)
        raise
    return record


def _give_up(record: ReleaseRecord, error: ServeryError, registry: Registry, clock: Clock) -> None:
    try:
        registry.put_release(ended(record, now=clock.now(), reason=f"it was not started: {error}"))
    finally:
        registry.end_lease(release_lease(record.model), record.id)


def _check_order(
    version: VersionRecord, training: str, registry: Registry, objects: ObjectStore
) -> None:
    """Refuse half of a pair at once where the release would, and say what comes first."""
    trainings = registry.trainings(version.model, version.promoted_from or version.version)
    for ref in (t.ref for t in trainings if t.ref.training == training):
        try:
            check_order(ref, _partner(ref, objects), registry)
        except ArtifactError:
            return  # the release says so, and keeps a record of it


def _partner(ref: ModelRef, objects: ObjectStore) -> str:
    """Name of the other half's model; empty for a whole model."""
    if ref.part is None:
        return ""
    pair = read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref).pair
    return "" if pair is None else pair.partner


def _subject(model: str, request: ReleaseRequest, registry: Registry) -> tuple[str, str]:
    """Version and training that a request is about; the version is the champion's for a roll."""
    if request.kind is ReleaseKind.ROLL:
        _refuse_choice(request)
        try:
            return registry.deployment(model).champion.ref.version, ""
        except NotFoundError as error:
            raise ConflictError(f"nothing of {model} is released, nothing to roll") from error
    if request.version is None:
        version, trainings = _newest(model, registry)
        return version, _training(request, trainings)
    try:
        record = registry.version(model, request.version)
    except NotFoundError as error:
        raise _unknown("version", f"{model} has no such version") from error
    source = record.promoted_from or record.version
    trainings = registry.trainings(model, source)
    if record.stage == Stage.PRODUCTION:
        if request.training not in (None, record.training):
            raise _unknown("training", f"{record.version} was made from {record.training}")
        return record.version, record.training
    return record.version, _training(request, trainings)


def _refuse_choice(request: ReleaseRequest) -> None:
    chosen = {"version": request.version, "training": request.training, "mode": request.mode}
    violations = tuple(
        Violation(name, "a roll keeps what answers now; leave this out")
        for name, value in chosen.items()
        if value is not None
    )
    if violations:
        raise InvalidInputError("a roll takes no version, training or mode", violations)


def _newest(model: str, registry: Registry) -> tuple[str, list[RegisteredTraining]]:
    """The development version that was registered last and has a training."""
    development = [v for v in registry.versions(model) if v.stage == Stage.DEVELOPMENT]
    for version in sorted(development, key=_registered, reverse=True):
        trainings = registry.trainings(model, version.version)
        if trainings:
            return version.version, trainings
    raise ConflictError(f"no training of {model} is registered yet, nothing to release")


def _registered(version: VersionRecord) -> str:
    return version.created


def _training(request: ReleaseRequest, trainings: list[RegisteredTraining]) -> str:
    names = [training.ref.training for training in trainings]
    if not names:
        raise _unknown("version", "no training of it is registered")
    if request.training is None:
        return names[-1]
    if request.training not in names:
        raise _unknown("training", f"registered are {', '.join(names[-20:])}")
    return request.training


def _unknown(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {message}", (Violation(field, message),))
