"""Graphs: where they are kept, and the data of entities that their steps look up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from servery.domain.graphs import GraphRecord


class GraphStore(Protocol):
    """Keeps graphs with their history; conditional writes only."""

    def get(self, name: str) -> GraphRecord:
        """The newest revision; `NotFoundError` where there is no such graph."""
        ...

    def put(self, record: GraphRecord) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        ...

    def all(self) -> list[GraphRecord]:
        """The newest revision of each graph, by name."""
        ...

    def history(self, name: str, *, limit: int, before: int) -> list[GraphRecord]:
        """The last revisions, newest first; lower than `before` where that is not 0."""
        ...

    def remove(self, name: str) -> None:
        """Take a graph out; its history stays."""
        ...


class Graphs(Protocol):
    """Graphs at hand, for asking them: fresh within seconds, and stale rather than absent."""

    def get(self, name: str) -> GraphRecord:
        """The newest revision; `NotFoundError` where there is no such graph."""
        ...


class EntityStore(Protocol):
    """Data of entities by key; every read sees every write that came before it."""

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key; of none whose time is up."""
        ...

    def put(
        self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int | None = None
    ) -> None:
        """Keep the data of one entity, whole; for so many seconds, or for good."""
        ...

    def put_many(
        self, entity: str, rows: Mapping[str, Mapping[str, Any]], *, seconds: int | None = None
    ) -> None:
        """Keep the data of several; `UnavailableError` where not all could be written."""
        ...

    def remove(self, entity: str, key: str) -> None:
        """Forget one entity; nothing happens where there is none."""
        ...
