"""Register: name the version by what changed, store the artifact, enter it in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.baseline import Baseline
from servery.domain.digest import check_digest, digest_bytes, digest_value
from servery.domain.manifest import Lineage, Manifest, ModelRef
from servery.domain.records import ModelRecord, RegisteredTraining, VersionRecord
from servery.domain.spec_rules import read_spec
from servery.domain.versioning import (
    Identity,
    Stage,
    Version,
    first_version,
    next_version,
    training_name,
    training_number,
)
from servery.errors import ConflictError, UnavailableError
from servery.usecases.training import keys
from servery.usecases.training.messages import Registered, RegisterEvent
from servery.usecases.training.reports import EvaluationReport, ExportReport, TrainReport

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec
    from servery.ports import Clock, ObjectStore, Registry

# Longer than the function may run, so that nobody else can hold it meanwhile.
_LEASE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Code:
    """Which code made a model.

    Attributes:
        library: Digest of the whole library, for the lineage.
        training: Digest of the part that decides what a model is: raises Z when it changes.
    """

    library: str
    training: str


@dataclass(frozen=True, slots=True)
class _Case:
    event: RegisterEvent
    spec: ModelSpec
    trained: TrainReport
    exported: ExportReport
    baseline: Baseline
    identity: Identity
    code: Code
    now: str


def register(
    event: RegisterEvent, *, store: ObjectStore, registry: Registry, clock: Clock, code: Code
) -> Registered:
    """Make a training a version's `trN`: files first, the manifest last, then the records.

    Trainings of one model are registered one after the other. A step that is run again after a
    crash finds what it had registered, by the training's id, and finishes it.

    Raises:
        UnavailableError: another training of the model is being registered; try again.
        ArtifactError: a file of an earlier step is missing or has changed.
    """
    case = _read(event, store, code, clock.now().isoformat(timespec="seconds"))
    model, owner = case.spec.name, event.training_id
    lease = f"register:{model}"
    try:
        registry.take_lease(lease, owner, seconds=_LEASE_SECONDS)
    except ConflictError as error:
        raise UnavailableError(f"another training of {model} is being registered") from error
    try:
        return _register(case, store, registry)
    finally:
        registry.end_lease(lease, owner)


def _register(case: _Case, store: ObjectStore, registry: Registry) -> Registered:
    model = case.spec.name
    versions = registry.versions(model)
    record = _same(versions, case.identity) or _new_version(versions, case)
    trainings = registry.trainings(model, record.version)
    known = next((t for t in trainings if t.training_id == case.event.training_id), None)
    if known is None:
        number = max((training_number(t.ref.training) for t in trainings), default=-1) + 1
        ref = _store_artifact(case, store, record.version, training_name(number))
        if record not in versions:
            registry.add_version(record)
        known = RegisteredTraining(
            ref=ref,
            training_id=case.event.training_id,
            created=case.now,
            metrics=case.event.evaluate.metrics,
        )
        registry.add_training(known)
    registry.put_model(
        ModelRecord(
            name=model,
            owner=case.spec.owner,
            task=case.spec.task.value,
            description=case.spec.description,
            spec=case.event.spec,
            updated=case.now,
        )
    )
    return Registered(version=record.version, training=known.ref.training)


def _same(versions: list[VersionRecord], identity: Identity) -> VersionRecord | None:
    """The development version that is made of the very same: what is equal is one version."""
    return next(
        (v for v in versions if v.stage == Stage.DEVELOPMENT and v.identity == identity), None
    )


def _new_version(versions: list[VersionRecord], case: _Case) -> VersionRecord:
    known = {Version.parse(v.version): v.identity for v in versions if v.stage == Stage.DEVELOPMENT}
    if known:
        latest = max(known)
        version = next_version(latest, known[latest], case.identity)
    else:
        version = first_version(case.identity)
    while version in known:  # the short digests of other data or another split are the same
        version = Version(0, version.interface, version.logic + 1, version.data, version.split)
    return VersionRecord(
        model=case.spec.name,
        version=str(version),
        stage=Stage.DEVELOPMENT.value,
        identity=case.identity,
        created=case.now,
        metrics=case.event.evaluate.metrics,
        runtime=case.event.export.runtime,
    )


def _read(event: RegisterEvent, store: ObjectStore, code: Code, now: str) -> _Case:
    def read(filename: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind asked for
        return msgspec.json.decode(store.get(keys.training(event.training_id, filename)), type=kind)

    spec = read_spec(event.spec)
    trained: TrainReport = read("train.json", TrainReport)
    exported: ExportReport = read("export.json", ExportReport)
    evaluated: EvaluationReport = read("evaluation.json", EvaluationReport)
    digest = event.preprocess.baseline
    raw = store.get(
        keys.split(event.collect.dataset, event.preprocess.split, f"baseline-{digest}.json")
    )
    check_digest(raw, digest, "the baseline")
    baseline = msgspec.json.decode(raw, type=Baseline)
    baseline = msgspec.structs.replace(baseline, predictions=evaluated.predictions)
    identity = Identity(
        interface=trained.signature.digest(),
        logic=digest_value([spec.logic_digest(), _logic_libraries(exported), code.training]),
        data=event.collect.dataset,
        split=event.preprocess.split,
    )
    return _Case(event, spec, trained, exported, baseline, identity, code, now)


def _logic_libraries(exported: ExportReport) -> dict[str, str]:
    """Versions that count as logic: of Python without the patch, which the platform chooses."""
    python = ".".join(exported.libraries.get("python", "").split(".")[:2])
    return {**exported.libraries, "python": python}


def _store_artifact(case: _Case, store: ObjectStore, version: str, name: str) -> ModelRef:
    event = case.event
    prefix = keys.artifact(case.spec.name, version, name)
    filename = event.export.runtime.filename
    baseline = msgspec.json.encode(case.baseline)
    manifest = msgspec.json.encode(
        Manifest(
            model=case.spec.name,
            version=version,
            training=name,
            created=case.now,
            owner=case.spec.owner,
            signature=case.trained.signature,
            limits=case.spec.serving.limits,
            runtime=event.export.runtime,
            runtime_reason=case.exported.runtime_reason,
            libraries=case.exported.libraries,
            files={filename: event.export.digest, "baseline.json": digest_bytes(baseline)},
            metrics=event.evaluate.metrics,
            figures=case.exported.figures,
            parity=case.exported.parity,
            sample=case.exported.sample,
            lineage=_lineage(case),
        )
    )
    store.copy(keys.training(event.training_id, filename), f"{prefix}/{filename}")
    store.put(f"{prefix}/baseline.json", baseline)
    store.put(f"{prefix}/manifest.json", manifest)
    return ModelRef(
        model=case.spec.name,
        version=version,
        training=name,
        prefix=prefix,
        digest=event.export.digest,
        manifest_digest=digest_bytes(manifest),
        runtime=event.export.runtime,
    )


def _lineage(case: _Case) -> Lineage:
    event = case.event
    return Lineage(
        training_id=event.training_id,
        source_uri=event.collect.source_uri,
        source_digest=event.collect.source_digest,
        dataset=event.collect.dataset,
        split=event.preprocess.split,
        code=case.code.library,
        spec=event.spec,
    )
