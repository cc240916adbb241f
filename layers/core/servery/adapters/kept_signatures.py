"""What models take and give, out of their manifests; a manifest never changes, so it is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.domain.signature import Signature
    from servery.ports import ObjectStore


class KeptSignatures:
    """The signatures of models, at hand; any number of threads may ask.

    Args:
        objects: Where the manifests are.
        most: How many are kept; beyond, the one that was asked for the longest ago goes.
    """

    def __init__(self, objects: ObjectStore, most: int = 64) -> None:
        self._objects = objects
        self._most = most
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, Signature] = OrderedDict()

    def of(self, ref: ModelRef) -> Signature:
        """The signature of a model.

        Raises:
            ArtifactError: its manifest is missing, or is not the one that was registered.
            RetryableError: it cannot be read now.
        """
        with self._guard:
            known = self._kept.get(ref.manifest_digest)
            if known is not None:
                self._kept.move_to_end(ref.manifest_digest)
                return known
        content = self._objects.get(f"{ref.prefix}/{MANIFEST}")
        signature = read_manifest(content, ref).signature
        with self._guard:
            self._kept[ref.manifest_digest] = signature
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return signature
