"""Bytes under keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class ObjectStore(Protocol):
    """Bytes under keys in the artifacts bucket."""

    def get(self, key: str) -> bytes:
        """All bytes of an object; `ArtifactError` where there is none."""
        ...

    def fetch(self, uri: str) -> bytes:
        """All bytes of `s3://bucket/key`; `InvalidInputError` where there is none or no access."""
        ...

    def stamp(self, uri: str) -> str:
        """What is another as soon as the object at `s3://bucket/key` is; raises as `fetch` does."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys under a prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...
