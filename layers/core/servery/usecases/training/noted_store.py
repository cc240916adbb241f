"""An object store that notes what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servery.ports import ObjectStore


class NotedStore:
    """An object store, and which keys were written through it.

    Args:
        store: Where the objects are.

    Attributes:
        written: Keys in the order in which they were first written.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._written: dict[str, None] = {}

    @property
    def written(self) -> list[str]:
        """Keys in the order in which they were first written."""
        return list(self._written)

    def get(self, key: str) -> bytes:
        """See `ObjectStore`."""
        return self._store.get(key)

    def fetch(self, uri: str) -> bytes:
        """See `ObjectStore`."""
        return self._store.fetch(uri)

    def stamp(self, uri: str) -> str:
        """See `ObjectStore`."""
        return self._store.stamp(uri)

    def put(self, key: str, content: bytes) -> None:
        """See `ObjectStore`."""
        self._store.put(key, content)
        self._written[key] = None

    def exists(self, key: str) -> bool:
        """See `ObjectStore`."""
        return self._store.exists(key)

    def copy(self, source: str, target: str) -> None:
        """See `ObjectStore`."""
        self._store.copy(source, target)
        self._written[target] = None

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore`."""
        return self._store.keys(prefix)

    def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        self._store.delete(key)
        self._written.pop(key, None)
