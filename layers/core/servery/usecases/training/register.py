"""Register: name the version by what changed, store the artifact, enter it in the registry."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from servery.domain.digest import digest_bytes
from servery.domain.imports import check_came_in, imported
from servery.domain.manifest import MANIFEST, Lineage, Manifest, ModelRef
from servery.domain.records import ModelRecord, RegisteredTraining
from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.training import keys
from servery.usecases.training.messages import (
    Registered,
    RegisteredHalf,
    RegisterEvent,
    model_in,
)
from servery.usecases.training.naming import name_training, name_version
from servery.usecases.training.products import Code, Made, Product, read_products

if TYPE_CHECKING:
    from servery.ports import Clock, ObjectStore, Registry

# Longer than the function may run, so that nobody else can hold it meanwhile; not much longer, as
# the next training waits for the end of the lease of one that was killed.
LEASE_SECONDS = 150.0


def register(
    event: RegisterEvent, *, store: ObjectStore, registry: Registry, clock: Clock, code: Code
) -> Registered:
    """Make a training a version's `trN`: files first, the manifest last, then the records.

    A pair becomes two models with versions of their own, the preprocessor first. Trainings of
    one model are registered one after the other. A step that is run again after a crash finds
    what it had registered, by the training's id, and finishes it.

    Raises:
        UnavailableError: another training of the model is being registered; try again.
        ArtifactError: a file of an earlier step is missing or has changed.
        ConflictError: the name of the preprocessor, or of the model, is that of something else, or
            an import has the name of another owner's model.
        RejectedError: what was imported says that it was trained here, or the other way round.
    """
    check_came_in(read_spec(event.spec), event.training_id)
    made = read_products(event, store, code, clock.now().isoformat(timespec="seconds"))
    with ExitStack() as held:
        for model in sorted(product.model for product in made.products):
            _hold(held, registry, model, event.training_id)
        for product in made.products:
            _check_name(made, product, registry)
        refs = [_register(made, product, store, registry) for product in made.products]
    *before, last = refs
    halves = [
        RegisteredHalf(model=ref.model, version=ref.version, training=ref.training, pair=ref.pair)
        for ref in before
    ]
    return Registered(
        version=last.version,
        training=last.training,
        preprocessor=halves[0] if halves else None,
    )


def confirm(result: Registered, event: RegisterEvent, *, registry: Registry, clock: Clock) -> bool:
    """Whether what was registered from the very same is still there.

    If so, the model has the present spec from now on: what is another in it, such as the schedule,
    is no part of any artifact.
    """
    own = (model_in(event.spec), result.version, result.training)
    half = result.preprocessor
    parts = [own] if half is None else [own, (half.model, half.version, half.training)]
    if not all(_has(registry, *part) for part in parts):
        return False
    if not event.experiment:
        now = clock.now().isoformat(timespec="seconds")
        for model, *_ in parts:
            known = registry.model(model)
            registry.put_model(msgspec.structs.replace(known, spec=event.spec, updated=now))
    return True


def _has(registry: Registry, model: str, version: str, training: str) -> bool:
    return any(t.ref.training == training for t in registry.trainings(model, version))


def _hold(held: ExitStack, registry: Registry, model: str, owner: str) -> None:
    lease = f"register:{model}"
    try:
        registry.take_lease(lease, owner, seconds=LEASE_SECONDS)
    except ConflictError as error:
        raise UnavailableError(f"another training of {model} is being registered") from error
    held.callback(registry.end_lease, lease, owner)


def _check_name(made: Made, product: Product, registry: Registry) -> None:
    """Let no product have the name of something else.

    A preprocessor is that of one model. An import takes the place of a model's spec, schedule
    included, which by a mere slip of the name it may do to its own owner's models alone.
    """
    try:
        known = registry.model(product.model)
    except NotFoundError:
        return
    of = str(known.spec.get("name", "")) if known.task == Task.PREPROCESSING else ""
    wanted = made.spec.name if product.signature.task is Task.PREPROCESSING else ""
    if of != wanted:
        told = f"the preprocessor of {of}" if of else "a model of its own"
        raise ConflictError(f"{product.model} is {told} already; take another name")
    foreign = imported(made.spec.estimator.class_path) is not None
    if foreign and known.owner != made.spec.owner:
        raise ConflictError(
            f"{product.model} is a model of {known.owner}; take another name, or import it for them"
        )


def _register(made: Made, product: Product, store: ObjectStore, registry: Registry) -> ModelRef:
    model, training_id = product.model, made.event.training_id
    record = name_version(made, product, store=store, registry=registry)
    trainings = registry.trainings(model, record.version)
    known = next((t for t in trainings if t.training_id == training_id), None)
    if known is None:
        name = name_training(made, product, record.version, store=store, registry=registry)
        ref = _store_artifact(made, product, store, record.version, name)
        if record not in registry.versions(model):
            registry.add_version(record)
        known = RegisteredTraining(
            ref=ref,
            training_id=training_id,
            created=made.now,
            metrics=made.event.evaluate.metrics,
        )
        registry.add_training(known)
    if not made.event.experiment or _is_new(model, registry):
        registry.put_model(_model(made, product))
    return known.ref


def _is_new(model: str, registry: Registry) -> bool:
    """Whether an experiment is the first thing that is known of a model, whose spec it keeps."""
    try:
        registry.model(model)
    except NotFoundError:
        return True
    return False


def _model(made: Made, product: Product) -> ModelRecord:
    return ModelRecord(
        name=product.model,
        owner=made.spec.owner,
        task=product.signature.task.value,
        description=product.description,
        spec=made.event.spec,
        updated=made.now,
    )


def _store_artifact(
    made: Made, product: Product, store: ObjectStore, version: str, name: str
) -> ModelRef:
    runtime = made.event.export.runtime
    prefix = keys.artifact(product.model, version, name)
    baseline = msgspec.json.encode(product.baseline)
    files = {runtime.filename: product.digest, "baseline.json": digest_bytes(baseline)}
    manifest = msgspec.json.encode(_manifest(made, product, version, name, files))
    store.copy(product.source, f"{prefix}/{runtime.filename}")
    store.put(f"{prefix}/baseline.json", baseline)
    store.put(f"{prefix}/{MANIFEST}", manifest)
    return ModelRef(
        model=product.model,
        version=version,
        training=name,
        prefix=prefix,
        digest=product.digest,
        manifest_digest=digest_bytes(manifest),
        runtime=runtime,
        part=product.pair.part if product.pair else None,
        pair=product.pair.id if product.pair else "",
    )


def _manifest(
    made: Made, product: Product, version: str, name: str, files: dict[str, str]
) -> Manifest:
    return Manifest(
        model=product.model,
        version=version,
        training=name,
        created=made.now,
        owner=made.spec.owner,
        signature=product.signature,
        limits=made.spec.serving.limits,
        runtime=made.event.export.runtime,
        runtime_reason=made.exported.runtime_reason,
        libraries=made.exported.libraries,
        files=files,
        metrics=made.event.evaluate.metrics,
        figures=product.figures,
        parity=made.exported.parity,
        sample=product.sample,
        lineage=_lineage(made),
        pair=product.pair,
        identity=product.identity,
    )


def _lineage(made: Made) -> Lineage:
    event = made.event
    return Lineage(
        training_id=event.training_id,
        source_uri=event.collect.source_uri,
        source_digest=event.collect.source_digest,
        dataset=event.collect.dataset,
        split=event.preprocess.split,
        code=made.code.library,
        spec=event.spec,
        logic=made.code.training,
    )
