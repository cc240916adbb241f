"""Which artifact a question about a version is about, and what its manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, Manifest, read_manifest
from servery.domain.records import RegisteredTraining, TrainingRecord, VersionRecord
from servery.errors import NotFoundError

if TYPE_CHECKING:
    from servery.ports import ObjectStore, Registry


@dataclass(frozen=True, slots=True)
class Found:
    """A training of a version.

    Attributes:
        asked: The record of the version that was named.
        source: That of the development version or experiment that it was made from, or is.
        trained: Which training of that.
        manifest: What its artifact says about itself.
        run: The record of the run; None where there is none, as for what was imported.
    """

    asked: VersionRecord
    source: VersionRecord
    trained: RegisteredTraining
    manifest: Manifest
    run: TrainingRecord | None


def find(
    model: str, version: str, training: str, *, registry: Registry, objects: ObjectStore
) -> Found:
    """The training that was asked for: by name, else the released one, else the last one.

    Raises:
        NotFoundError: there is no such version or training.
        ArtifactError: its manifest is not the one that was registered.
    """
    asked = registry.version(model, version)
    source = registry.version(model, asked.promoted_from) if asked.promoted_from else asked
    trainings = registry.trainings(model, source.version)
    wanted = training or asked.training
    chosen = [t for t in trainings if wanted in ("", t.ref.training)]
    if not chosen or training not in ("", asked.training or training):
        raise NotFoundError(f"that version of {model} has no such training")
    trained = chosen[-1]
    manifest = read_manifest(objects.get(f"{trained.ref.prefix}/{MANIFEST}"), trained.ref)
    return Found(asked, source, trained, manifest, _run(trained, registry))


def _run(trained: RegisteredTraining, registry: Registry) -> TrainingRecord | None:
    try:
        return registry.run(trained.ref.model, trained.training_id)
    except NotFoundError:
        return None
