"""Tells which versions the deployed libraries can serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.library_table import Entry, library_table, serves
from servery.domain.manifest import MANIFEST, Runtime, read_manifest
from servery.domain.release_order import current
from servery.domain.versioning import Stage
from servery.errors import ArtifactError
from servery.usecases.registry.views import role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servery.domain.deployment import Deployment
    from servery.domain.manifest import ModelRef
    from servery.domain.records import VersionRecord
    from servery.ports import ObjectStore, Registry


class VersionFit(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one training of a version can be served here.

    Attributes:
        version: Development version, or an experiment.
        training: `trN` of it.
        runtime: What would compute.
        role: As what it is served now; empty where it is not.
        ok: Whether every library fits.
        libraries: Library by library.
        reason: Why nothing can be said, where its artifact cannot be read.
    """

    version: str
    training: str
    runtime: Runtime
    role: str
    ok: bool
    libraries: list[Entry] = []
    reason: str = ""


class FitList(msgspec.Struct, frozen=True, kw_only=True):
    """What can be served.

    Attributes:
        model: Name of the model.
        here: Name to version of the libraries that are deployed.
        versions: Every training, that of the oldest version first.
    """

    model: str
    here: dict[str, str]
    versions: list[VersionFit]


def fit(
    model: str, here: Mapping[str, str], *, registry: Registry, objects: ObjectStore
) -> FitList:
    """Hold every registered training of a model against the libraries that are deployed.

    Raises:
        NotFoundError: there is no such model.
    """
    registry.model(model)
    deployment = current(model, registry)
    versions = registry.versions(model)
    return FitList(
        model=model,
        here=dict(here),
        versions=[
            _fit(training.ref, _role(versions, training.ref, deployment), here, objects)
            for version in versions
            if version.stage != Stage.PRODUCTION
            for training in registry.trainings(model, version.version)
        ],
    )


def _role(versions: list[VersionRecord], ref: ModelRef, deployment: Deployment | None) -> str:
    names = [
        v.version for v in versions if (v.promoted_from, v.training) == (ref.version, ref.training)
    ]
    return next((role for name in names if (role := role_of(deployment, name))), "")


def _fit(ref: ModelRef, role: str, here: Mapping[str, str], objects: ObjectStore) -> VersionFit:
    told = VersionFit(
        version=ref.version, training=ref.training, runtime=ref.runtime, role=role, ok=False
    )
    try:
        manifest = read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
    except ArtifactError as error:
        return msgspec.structs.replace(told, reason=str(error))
    table = library_table(ref.runtime, manifest.libraries, here)
    return msgspec.structs.replace(told, libraries=table, ok=serves(table))
