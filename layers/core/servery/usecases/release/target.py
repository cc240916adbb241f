"""What is to be released: the artifact, the name it gets in production, and how it is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.accountability import check_accountable
from servery.domain.deployment_settings import said_by_spec
from servery.domain.gone import check_there
from servery.domain.imports import check_unpickled
from servery.domain.manifest import MANIFEST, Manifest, ModelRef, Part, Runtime, read_manifest
from servery.domain.personal import Personal
from servery.domain.records import VersionRecord
from servery.domain.serving import Mode
from servery.domain.spec import Log, Serving, personal, unlogged
from servery.domain.versioning import Stage, Version, promoted
from servery.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import ObjectStore, Registry


@dataclass(frozen=True, slots=True)
class Target:
    """A release worked out.

    Attributes:
        ref: The artifact under the name of its production version.
        production: The record of that version; it may not be registered yet.
        manifest: What the artifact says about itself.
        mode: How the model comes to its server.
        serving: What the spec says about serving.
        log: What the spec says about the prediction log.
        unlogged: What is about persons, in whole or in part.
        personal: What that log does with the fields of that.
        partner: Name of the other half's model; empty for a whole model.
        second_stage: Who answers staged requests later; empty for nobody.
    """

    ref: ModelRef
    production: VersionRecord
    manifest: Manifest
    mode: Mode
    serving: Serving
    log: Log
    unlogged: list[str]
    personal: Personal
    partner: str
    second_stage: str


def find_target(
    record: ReleaseRecord, *, registry: Registry, objects: ObjectStore, created: str
) -> Target:
    """Work out what a release is about; the same record gives the same target again.

    Args:
        record: With version and training.
        registry: Where they are registered.
        objects: Where the artifact is.
        created: ISO 8601, UTC; when a version that has to be made counts as made.

    Raises:
        NotFoundError: there is no such version or training.
        InvalidInputError: a foreign artifact would have to be unpickled, the model would be
            its own second stage, or production could not judge it.
        ConflictError: the version was retired, and its artifact is gone.
        ArtifactError: the artifact is not the one that was registered.
    """
    asked = registry.version(record.model, record.version)
    source = asked
    if asked.stage == Stage.PRODUCTION:
        source = registry.version(record.model, asked.promoted_from)
    name = asked.training or record.training
    trained = next(
        (t for t in registry.trainings(record.model, source.version) if t.ref.training == name),
        None,
    )
    if trained is None:
        raise NotFoundError(f"{source.version} of {record.model} has no training {name}")
    check_there(trained.ref.prefix, objects)
    manifest = read_manifest(objects.get(f"{trained.ref.prefix}/{MANIFEST}"), trained.ref)
    if trained.ref.runtime is Runtime.JOBLIB:
        check_unpickled(source.origin, manifest.lineage.spec)
    check_accountable(manifest)
    production = asked
    if asked is source:
        production = _production(asked, trained.ref, trained.metrics, registry, created)
    serving, log = said_by_spec(manifest)
    return Target(
        ref=msgspec.structs.replace(trained.ref, version=production.version),
        production=production,
        manifest=manifest,
        mode=Mode(record.mode) if record.mode else serving.mode,
        serving=serving,
        log=log,
        unlogged=_unlogged(manifest),
        personal=_personal(manifest),
        partner=partner_of(manifest),
        second_stage=_second_stage(manifest, serving),
    )


def partner_of(manifest: Manifest) -> str:
    """Name of the other half's model; empty for a whole model."""
    return "" if manifest.pair is None else manifest.pair.partner


def _unlogged(manifest: Manifest) -> list[str]:
    """What is about persons; features are where their sources are."""
    parts = unlogged(manifest.lineage.spec)
    if not _prepares(manifest):
        return parts
    return ["input", "output"] if "input" in parts else []


def _personal(manifest: Manifest) -> Personal:
    found = personal(manifest.lineage.spec, [field.name for field in manifest.signature.inputs])
    # Which of its features repeat what is about persons nobody knows.
    return msgspec.structs.replace(found, target=None) if _prepares(manifest) else found


def _second_stage(manifest: Manifest, serving: Serving) -> str:
    """Who answers staged requests later; of a pair that is a matter of the predictor.

    Raises:
        InvalidInputError: the model itself, or the other half of it.
    """
    second = serving.second_stage or ""
    if not second or _prepares(manifest):
        return ""
    if second in (manifest.model, partner_of(manifest)):
        raise InvalidInputError(
            f"serving.second_stage of {manifest.model} is {second}; it is another model, which "
            "answers later"
        )
    return second


def _prepares(manifest: Manifest) -> bool:
    return manifest.pair is not None and manifest.pair.part is Part.PREPROCESSOR


def _production(
    source: VersionRecord,
    ref: ModelRef,
    metrics: dict[str, float],
    registry: Registry,
    created: str,
) -> VersionRecord:
    """The production version of a training: the one it has, or the next that is free."""
    known = [v for v in registry.versions(source.model) if v.stage == Stage.PRODUCTION]
    for version in known:
        if (version.promoted_from, version.training) == (source.version, ref.training):
            return version
    name = promoted(Version.parse(source.version), [Version.parse(v.version) for v in known])
    return msgspec.structs.replace(
        source,
        version=str(name),
        stage=str(Stage.PRODUCTION),
        created=created,
        metrics=metrics,
        runtime=ref.runtime,
        promoted_from=source.version,
        training=ref.training,
    )
