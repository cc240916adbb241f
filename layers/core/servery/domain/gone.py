"""Refuses a version whose artifact was removed when it was retired."""

from __future__ import annotations

from typing import Protocol

import msgspec

from servery.domain.retirements import TOMBSTONE, RetiredVersion, why_gone
from servery.errors import ConflictError


class Objects(Protocol):
    """What of the artifacts bucket tells."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        ...

    def get(self, key: str) -> bytes:
        """All bytes of an object; `ArtifactError` where there is none."""
        ...


def check_there(prefix: str, objects: Objects) -> None:
    """Let pass only an artifact that was not retired.

    Raises:
        ConflictError: it is gone; the sentence says why and since when.
    """
    tombstone = f"{prefix}/{TOMBSTONE}"
    if objects.exists(tombstone):
        record = msgspec.json.decode(objects.get(tombstone), type=RetiredVersion)
        raise ConflictError(why_gone(record))
