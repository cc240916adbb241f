"""Holds the registry against the store: what is in one of them and not in the other."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from servery.domain.manifest import MANIFEST, Manifest, read_manifest
from servery.domain.retirements import TOMBSTONE
from servery.domain.versioning import Stage
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.ports import ObjectStore, Registry


class Wrong(StrEnum):
    """What can be wrong with an artifact.

    `leftover`: files without a manifest, which a crash left. `foreign`: a whole artifact that
    nobody registered here. `missing`: registered, and not there. `changed`: other than registered.
    """

    LEFTOVER = "leftover"
    FOREIGN = "foreign"
    MISSING = "missing"
    CHANGED = "changed"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact that does not belong together with the registry.

    Attributes:
        prefix: Where it is, in the artifacts bucket.
        wrong: What is wrong with it.
        said: For a person.
    """

    prefix: str
    wrong: Wrong
    said: str


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found.

    Attributes:
        model: Name of the model.
        artifacts: How many are registered.
        findings: What is wrong; none where everything is in order.
    """

    model: str
    artifacts: int
    findings: list[Finding]


def audit(model: str, *, registry: Registry, objects: ObjectStore) -> Audit:
    """Look at every artifact of a model, registered or not; nothing is changed.

    A new training never takes the place of something that is found here: it gets another number,
    or another version where the name means something else.

    Raises:
        NotFoundError: there is no such model.
    """
    registry.model(model)
    refs = {
        training.ref.prefix: training.ref
        for version in registry.versions(model)
        if version.stage != Stage.PRODUCTION
        for training in registry.trainings(model, version.version)
    }
    there: dict[str, list[str]] = {}
    for key in objects.keys(f"models/{model}/"):
        prefix, _, name = key.rpartition("/")
        there.setdefault(prefix, []).append(name)
    findings = [
        _stray(prefix, names, objects) for prefix, names in there.items() if prefix not in refs
    ]
    for ref in refs.values():
        findings += _registered(ref, there.get(ref.prefix, []), objects)
    return Audit(model=model, artifacts=len(refs), findings=findings)


def _stray(prefix: str, names: list[str], objects: ObjectStore) -> Finding:
    if MANIFEST not in names:
        said = "files without a manifest, as a crash leaves them; the next training replaces them"
        return Finding(prefix=prefix, wrong=Wrong.LEFTOVER, said=said)
    try:
        found = msgspec.json.decode(objects.get(f"{prefix}/{MANIFEST}"), type=Manifest)
        made_by = f"made by training {found.lineage.training_id}"
    except msgspec.MsgspecError:
        made_by = "with a manifest that cannot be read"
    said = f"an artifact that is not registered, {made_by}; its name stays taken"
    return Finding(prefix=prefix, wrong=Wrong.FOREIGN, said=said)


def _registered(ref: ModelRef, names: list[str], objects: ObjectStore) -> list[Finding]:
    # Of a version that was retired the manifest stays, and what says so.
    wanted = {MANIFEST} if TOMBSTONE in names else {ref.runtime.filename, MANIFEST}
    absent = sorted(wanted - set(names))
    if absent:
        said = f"{ref.version} {ref.training} is registered, and {' and '.join(absent)} not there"
        return [Finding(prefix=ref.prefix, wrong=Wrong.MISSING, said=said)]
    try:
        read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
    except ArtifactError as error:
        return [Finding(prefix=ref.prefix, wrong=Wrong.CHANGED, said=str(error))]
    return []
