"""Asks for a release: checked, recorded and handed over; it is carried out in the background."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from servery.domain.accountability import check_accountable
from servery.domain.candidates import check_room, check_whole
from servery.domain.gone import check_there
from servery.domain.manifest import MANIFEST, read_manifest
from servery.domain.release_order import check_order, current
from servery.domain.release_records import ReleaseKind, ReleaseOrigin, ReleaseRecord, ReleaseState
from servery.domain.releases import LEASE_SECONDS, ended, release_id, release_lease
from servery.domain.serving import Mode
from servery.errors import ArtifactError, ConflictError, ServeryError
from servery.usecases.registry.subject import subject, unknown

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.domain.records import VersionRecord
    from servery.ports import Clock, ObjectStore, Registry, ReleaseQueue

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class Place(StrEnum):
    """As what a version can be released."""

    CHAMPION = "champion"
    CANDIDATE = "candidate"


class ReleaseRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"as_": "as"}
):
    """What a caller may ask for.

    Attributes:
        kind: `release` makes a new champion, `candidate` serves a version beside it, `roll`
            moves the servers onto the deployed code.
        as_: As what it is released, which may be said in place of the kind: champion or
            candidate.
        version: Development or production version; the newest development one when left out.
        training: `trN` of a development version; its newest one when left out.
        mode: image or load; what the spec says when left out.
    """

    kind: ReleaseKind = ReleaseKind.RELEASE
    as_: Place | None = None
    version: Name | None = None
    training: Name | None = None
    mode: Mode | None = None

    def wanted(self) -> ReleaseKind:
        """What the release is to do.

        Raises:
            InvalidInputError: kind and place contradict one another.
        """
        if self.as_ is None:
            return self.kind
        fits = {
            Place.CHAMPION: (ReleaseKind.RELEASE,),
            Place.CANDIDATE: (ReleaseKind.RELEASE, ReleaseKind.CANDIDATE),
        }
        if self.kind not in fits[self.as_]:
            raise unknown("as", f"a release of kind {self.kind} makes no {self.as_}")
        return fits[self.as_][-1]


def ask_release(
    model: str,
    request: ReleaseRequest,
    *,
    registry: Registry,
    objects: ObjectStore,
    queue: ReleaseQueue,
    clock: Clock,
    entropy: Callable[[], str],
    origin: ReleaseOrigin = ReleaseOrigin.COMMAND,
    because: str = "",
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
        origin: What it is started by.
        because: Why, in a sentence; empty for one that a person asks for.

    Returns:
        The record of the running release.

    Raises:
        NotFoundError: there is no such model.
        InvalidInputError: there is no such version or training, a roll names one, or production
            could not judge the version.
        ConflictError: another change of the deployment is under way, there is nothing to release
            or to roll, or the version was retired and its artifact is gone.
        ReleaseOrderError: half of a pair that another change has to come before.
        RetryableError: it could not be started; nothing is left of it.
    """
    registry.model(model)
    kind = request.wanted()
    now = clock.now()
    version, training = subject(model, request, registry)
    if kind is not ReleaseKind.ROLL:
        _check_accountable(registry.version(model, version), training, registry, objects)
    if kind is ReleaseKind.CANDIDATE:
        _check_candidate(registry.version(model, version), training, registry)
    if kind is ReleaseKind.RELEASE:
        _check_order(registry.version(model, version), training, registry, objects)
    record = ReleaseRecord(
        id=release_id(now, entropy()),
        model=model,
        kind=kind,
        state=ReleaseState.RUNNING,
        origin=origin,
        because=because,
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


def _check_accountable(
    version: VersionRecord, training: str, registry: Registry, objects: ObjectStore
) -> None:
    """Refuse at once what the release would: no owner, unit, log or production metric; retired."""
    trainings = registry.trainings(version.model, version.promoted_from or version.version)
    for ref in (t.ref for t in trainings if t.ref.training == training):
        check_there(ref.prefix, objects)
        try:
            check_accountable(read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref))
        except ArtifactError:
            return  # the release says so, and keeps a record of it


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


def _check_candidate(version: VersionRecord, training: str, registry: Registry) -> None:
    """Refuse at once what the release would: halves, one too many, and where there is no champion.

    Raises:
        InvalidInputError: it is half of a pair.
        ConflictError: nothing is released yet, or there is no room.
    """
    deployment = current(version.model, registry)
    if deployment is None:
        raise ConflictError(f"nothing of {version.model} is released; release its champion first")
    trainings = registry.trainings(version.model, version.promoted_from or version.version)
    for ref in (t.ref for t in trainings if t.ref.training == training):
        check_whole(ref)
        known = [s for s in deployment.serving() if s.ref.digest == ref.digest]
        check_room(deployment, known[0].ref.version if known else version.version)


def _partner(ref: ModelRef, objects: ObjectStore) -> str:
    """Name of the other half's model; empty for a whole model."""
    if ref.part is None:
        return ""
    pair = read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref).pair
    return "" if pair is None else pair.partner
