"""Manifests of deployed versions; one never changes, so it is read once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, read_manifest
from servery.errors import FaultError, RetryableError, UnavailableError

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest, ModelRef
    from servery.domain.signature import Signature
    from servery.ports import ObjectStore

AGAIN_SECONDS = 5.0
"""How long a manifest that could not be read is not tried again."""


class KeptManifests:
    """Manifests at hand; any number of threads may ask.

    Args:
        objects: Where they are.
        most: How many are kept; beyond, the one that was asked for the longest ago goes.
        now: Seconds by a clock that only goes forward.
    """

    def __init__(
        self,
        objects: ObjectStore,
        most: int = 64,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._most = most
        self._now = now
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, Manifest] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()

    def get(self, ref: ModelRef) -> Manifest:
        """The manifest of a version.

        Raises:
            ArtifactError: it is missing, or is not the one that was registered.
            RetryableError: it cannot be read now, or could not a moment ago.
        """
        digest = ref.manifest_digest
        with self._guard:
            known = self._kept.get(digest)
            if known is not None:
                self._kept.move_to_end(digest)
                return known
            if self._now() < self._failed.get(digest, float("-inf")):
                raise UnavailableError("the manifest could not be read a moment ago")
        manifest = self._read(ref)
        with self._guard:
            self._kept[digest] = manifest
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return manifest

    def of(self, ref: ModelRef) -> Signature:
        """The signature of a version; raises what `get` raises."""
        return self.get(ref).signature

    def _read(self, ref: ModelRef) -> Manifest:
        try:
            return read_manifest(self._objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
        except (FaultError, RetryableError):
            with self._guard:
                self._failed[ref.manifest_digest] = self._now() + AGAIN_SECONDS
                if len(self._failed) > self._most:
                    self._failed.popitem(last=False)
            raise
