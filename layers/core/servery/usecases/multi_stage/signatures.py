"""What models take, out of their manifests; a manifest never changes, so each is read once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.ports import ObjectStore


class Signatures:
    """The inputs of models, at hand.

    Args:
        objects: Where the manifests are.
        most: How many models are kept at hand.
    """

    def __init__(self, objects: ObjectStore, most: int = 64) -> None:
        self._objects = objects
        self._most = most
        self._inputs: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def inputs(self, ref: ModelRef) -> tuple[str, ...]:
        """The names of a model's inputs, in their order.

        Raises:
            ArtifactError: its manifest is missing, or is not the one that was registered.
        """
        known = self._inputs.get(ref.manifest_digest)
        if known is None:
            manifest = read_manifest(self._objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
            known = tuple(field.name for field in manifest.signature.inputs)
            self._inputs[ref.manifest_digest] = known
            if len(self._inputs) > self._most:
                self._inputs.popitem(last=False)
        return known
