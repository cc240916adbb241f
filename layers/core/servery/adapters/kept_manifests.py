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
    from servery.ports import ArtifactSource

AGAIN_SECONDS = 5.0
"""How long a manifest that could not be read is not tried again."""


class KeptManifests:
    """Manifests at hand; any number of threads may ask.

    Args:
        source: Where they are; it is asked by one thread at a time.
        most: How many are kept; beyond, the one that was asked for the longest ago goes.
        now: Seconds by a clock that only goes forward.
    """

    def __init__(
        self,
        source: ArtifactSource,
        most: int = 64,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
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
            if known is None:
                known = self._kept[digest] = self._read(ref)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(digest)
        return known

    def of(self, ref: ModelRef) -> Signature:
        """The signature of a version; raises what `get` raises."""
        return self.get(ref).signature

    def _read(self, ref: ModelRef) -> Manifest:
        if self._now() < self._failed.get(ref.manifest_digest, float("-inf")):
            raise UnavailableError("the manifest could not be read a moment ago")
        try:
            return read_manifest(self._source.read(ref, MANIFEST), ref)
        except (FaultError, RetryableError):
            self._failed[ref.manifest_digest] = self._now() + AGAIN_SECONDS
            if len(self._failed) > self._most:
                self._failed.popitem(last=False)
            raise
