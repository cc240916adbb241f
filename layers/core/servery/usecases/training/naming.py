"""How what a training made is called: its version by what changed, and the number of its training.

A name is unique in the registry, which writes it on a condition, and in the store: an artifact
that is there without being registered, left by a crash or by somebody else, is never written over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.changes import Ingredients, compare
from servery.domain.imports import origin_of
from servery.domain.manifest import MANIFEST, Manifest, Part, read_manifest
from servery.domain.records import VersionRecord
from servery.domain.version_diff import ingredients_of
from servery.domain.versioning import (
    Stage,
    Version,
    check_experiment,
    first_version,
    next_version,
    training_name,
    training_number,
    unused,
)
from servery.errors import ArtifactError
from servery.usecases.training import keys

if TYPE_CHECKING:
    from servery.domain.identity import Identity
    from servery.domain.records import RegisteredTraining
    from servery.ports import ObjectStore, Registry
    from servery.usecases.training.products import Made, Product


def name_version(
    made: Made, product: Product, *, store: ObjectStore, registry: Registry
) -> VersionRecord:
    """The version that a product is a training of; its record may not be in the registry yet.

    An experiment has the free name that was given. Else what is made of the very same is the
    same version, and anything else the next one, with what changed and therefore moved its name.

    Raises:
        InvalidVersionError: no experiment can have that name.
    """
    versions = registry.versions(product.model)
    if made.event.experiment:
        check_experiment(made.event.experiment)
        known = [v for v in versions if v.version == made.event.experiment]
        return known[0] if known else _record(made, product, made.event.experiment)
    development = [v for v in versions if v.stage == Stage.DEVELOPMENT]
    same = [v for v in development if v.identity == product.identity]
    if same:
        return same[0]
    known_as = {Version.parse(v.version): v for v in development}
    if not known_as:
        first = first_version(product.identity)
        return _record(made, product, str(_free(first, set(), product, store)))
    latest = max(known_as)
    before = known_as[latest]
    following = next_version(latest, before.identity, product.identity)
    old = _ingredients(registry.trainings(product.model, before.version), store)
    new = Ingredients(
        signature=product.signature,
        spec=made.event.spec,
        libraries=made.exported.libraries,
        code=made.code.training,
        prepares=product.pair is not None and product.pair.part is Part.PREPROCESSOR,
    )
    return msgspec.structs.replace(
        _record(made, product, str(_free(following, set(known_as), product, store))),
        follows=before.version,
        changes=compare(before.identity, product.identity, old, new),
    )


def name_training(
    made: Made, product: Product, version: str, *, store: ObjectStore, registry: Registry
) -> str:
    """The next `trN` of a version, whose place in the store holds nobody else's artifact."""
    trainings = registry.trainings(product.model, version)
    number = max((training_number(t.ref.training) for t in trainings), default=-1) + 1
    while _holder(product.model, version, training_name(number), store) not in (
        "",
        made.event.training_id,
    ):
        number += 1
    return training_name(number)


def _record(made: Made, product: Product, version: str) -> VersionRecord:
    return VersionRecord(
        model=product.model,
        version=version,
        stage=(Stage.EXPERIMENT if made.event.experiment else Stage.DEVELOPMENT).value,
        identity=product.identity,
        created=made.now,
        metrics=made.event.evaluate.metrics,
        runtime=made.event.export.runtime,
        origin=origin_of(made.spec, made.event.origin).value,
    )


def _free(version: Version, taken: set[Version], product: Product, store: ObjectStore) -> Version:
    """The version itself, or the next whose name means nothing else in registry or store."""
    version = unused(version, taken)
    while _means_else(product.model, str(version), product.identity, store):
        taken = {*taken, version}
        version = unused(version, taken)
    return version


def _means_else(model: str, version: str, identity: Identity, store: ObjectStore) -> bool:
    """Whether the store has artifacts of that name that are made of something else."""
    prefix = keys.artifact(model, version, "")
    manifests = [key for key in store.keys(prefix) if key.endswith(f"/{MANIFEST}")]
    return any(found is None or found.identity != identity for found in _read(manifests, store))


def _holder(model: str, version: str, training: str, store: ObjectStore) -> str:
    """Id of the training whose artifact is there; empty where there is none that is whole.

    The manifest is written last: files without one are what a crash left, and nobody's.
    """
    key = f"{keys.artifact(model, version, training)}/{MANIFEST}"
    if not store.exists(key):
        return ""
    found = _read([key], store)[0]
    return "somebody else" if found is None else found.lineage.training_id


def _read(manifests: list[str], store: ObjectStore) -> list[Manifest | None]:
    found: list[Manifest | None] = []
    for key in manifests:
        try:
            found.append(msgspec.json.decode(store.get(key), type=Manifest))
        except msgspec.MsgspecError:
            found.append(None)
    return found


def _ingredients(trainings: list[RegisteredTraining], store: ObjectStore) -> Ingredients | None:
    """What a version is made of in words; None where its artifact is not there any more."""
    if not trainings:
        return None
    ref = trainings[0].ref
    try:
        return ingredients_of(read_manifest(store.get(f"{ref.prefix}/{MANIFEST}"), ref))
    except ArtifactError:
        return None
