"""Both files of a model at once: the second is on its way while the first is read.

An object of S3 costs a round trip whatever is in it. Which two there are is known from the start,
and each has its own digest in the reference, so that neither has to wait for the other.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.ports import ArtifactSource


class ArtifactsAhead:
    """Fetches the model file as soon as the manifest is asked for: an `ArtifactSource`.

    Args:
        source: Where both are; two threads may read from it at once.
    """

    def __init__(self, source: ArtifactSource) -> None:
        self._source = source
        self._coming: _Coming | None = None

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """One file of an artifact.

        Raises:
            ArtifactError: it is not there, may not be read, or is larger than the bound.
            RetryableError: it cannot be had now.
        """
        coming, self._coming = self._coming, None
        if filename == MANIFEST:
            self._coming = _Coming(self._source, ref)
        elif coming is not None and coming.is_for(ref, filename):
            return coming.content()
        return self._source.read(ref, filename)


class _Coming:
    """A model file on its way."""

    def __init__(self, source: ArtifactSource, ref: ModelRef) -> None:
        self._source = source
        self._ref = ref
        self._content = b""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._fetch, daemon=True)
        self._thread.start()

    def is_for(self, ref: ModelRef, filename: str) -> bool:
        return (ref, filename) == (self._ref, self._ref.runtime.filename)

    def content(self) -> bytes:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._content

    def _fetch(self) -> None:
        try:
            self._content = self._source.read(self._ref, self._ref.runtime.filename)
        except Exception as error:  # whoever asks for the file is told
            self._error = error
