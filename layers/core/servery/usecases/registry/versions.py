"""Answers questions about versions: their lineage, how two differ, what can serve them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from servery.domain.version_diff import VersionDiff, version_diff
from servery.usecases.registry.artifacts import Found, find
from servery.usecases.registry.auditing import Audit, audit
from servery.usecases.registry.fitting import FitList, fit
from servery.usecases.registry.tracing import trace

if TYPE_CHECKING:
    from servery.domain.identity import Identity
    from servery.domain.manifest import Manifest
    from servery.ports import ObjectStore, Registry
    from servery.usecases.registry.lineage_views import LineageView


class VersionReader:
    """Reads registry and manifests.

    Args:
        registry: The records.
        objects: The artifacts.
        libraries: Tells the libraries of the deployed runtimes.
    """

    def __init__(
        self, registry: Registry, objects: ObjectStore, *, libraries: Callable[[], dict[str, str]]
    ) -> None:
        self._registry = registry
        self._objects = objects
        self._libraries = libraries

    def lineage(self, model: str, version: str, training: str) -> LineageView:
        """The life of one training of a version; see `trace`."""
        return trace(model, version, training, registry=self._registry, objects=self._objects)

    def diff(self, model: str, before: tuple[str, str], after: tuple[str, str]) -> VersionDiff:
        """Two trainings, each by version and `trN`; an empty one is the released or last one.

        Raises:
            NotFoundError: there is no such version or training.
            ArtifactError: a manifest is not the one that was registered.
        """
        sides = self._find(model, *before), self._find(model, *after)
        diff = version_diff(*(_made_of(side) for side in sides))
        return msgspec.structs.replace(
            diff,
            before=msgspec.structs.replace(diff.before, version=sides[0].asked.version),
            after=msgspec.structs.replace(diff.after, version=sides[1].asked.version),
        )

    def fit(self, model: str) -> FitList:
        """What the deployed runtimes can serve; see `fit`."""
        return fit(model, self._libraries(), registry=self._registry, objects=self._objects)

    def audit(self, model: str) -> Audit:
        """What does not belong together; see `audit`."""
        return audit(model, registry=self._registry, objects=self._objects)

    def _find(self, model: str, version: str, training: str) -> Found:
        return find(model, version, training, registry=self._registry, objects=self._objects)


def _made_of(found: Found) -> tuple[Identity, Manifest, dict[str, int]]:
    rows = {} if found.run is None else found.run.rows
    return found.manifest.identity or found.source.identity, found.manifest, rows
