"""What the models of a graph look like now: signature and measured speed of what is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.manifest import Pair
    from servery.domain.signature import Signature
    from servery.ports import ObjectStore, Registry


@dataclass(frozen=True, slots=True)
class Known:
    """A deployed version of a model.

    Attributes:
        model: Name of the model.
        version: The version.
        signature: Its inputs and its output.
        p99_ms: What one row took when it was measured, 99 of 100 times at the most; 0 where
            nobody measured.
        pair: With what it works together, where it is half of a pair.
    """

    model: str
    version: str
    signature: Signature
    p99_ms: float
    pair: Pair | None = None


class Models:
    """Looks models up, each once.

    Args:
        registry: Who is deployed.
        objects: The manifests.
    """

    def __init__(self, registry: Registry, objects: ObjectStore) -> None:
        self._registry = registry
        self._objects = objects
        self._deployments: dict[str, Deployment] = {}
        self._known: dict[tuple[str, str], Known] = {}

    def deployed(self, model: str) -> None:
        """Make sure that something of a model is released; `NotFoundError` where nothing is."""
        if model not in self._deployments:
            self._deployments[model] = self._registry.deployment(model)

    def find(self, model: str, version: str) -> Known:
        """A version of a model, its champion where the version is empty.

        Raises:
            NotFoundError: nothing of that model is released, or that version is not served.
            ArtifactError: its manifest is missing or is another one.
        """
        self.deployed(model)
        if (model, version) not in self._known:
            self._known[model, version] = self._read(model, version)
        return self._known[model, version]

    def paired(self, model: str, pair: str) -> Known:
        """The version of a model that is half of a pair.

        Raises:
            NotFoundError: nothing of that model is released, or no such half is served.
            ArtifactError: its manifest is missing or is another one.
        """
        self.deployed(model)
        return self.find(model, self._deployments[model].paired(pair).ref.version)

    def _read(self, model: str, version: str) -> Known:
        deployment = self._deployments[model]
        served = deployment.served(version) if version else deployment.champion
        manifest = read_manifest(self._objects.get(f"{served.ref.prefix}/{MANIFEST}"), served.ref)
        figures = manifest.figures.get(served.ref.runtime)
        return Known(
            model=model,
            version=served.ref.version,
            signature=manifest.signature,
            p99_ms=0.0 if figures is None else figures.one_row.p99_ms,
            pair=manifest.pair,
        )
