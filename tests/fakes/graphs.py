"""Graphs in memory, with the promises of the port and of the real ones."""

from __future__ import annotations

import msgspec
from servery.domain.graph_records import GraphRecord
from servery.errors import ConflictError, NotFoundError


class MemoryGraphs:
    """Every record goes through JSON, so what cannot be stored for real cannot be stored here."""

    def __init__(self) -> None:
        self._history: dict[str, list[bytes]] = {}
        self._out: set[str] = set()

    def get(self, name: str) -> GraphRecord:
        if name not in self._history or name in self._out:
            raise NotFoundError("there is no graph of that name")
        return _read(self._history[name][-1])

    def put(self, record: GraphRecord) -> None:
        name = record.spec.name
        history = self._history.get(name, [])
        if record.revision != len(history) + 1:
            raise ConflictError(
                f"the graph {name} has changed meanwhile; "
                f"revision {record.revision} does not follow what is stored"
            )
        self._history[name] = [*history, msgspec.json.encode(record)]
        self._out.discard(name)

    def all(self) -> list[GraphRecord]:
        return [self.get(name) for name in sorted(self._history.keys() - self._out)]

    def history(self, name: str, *, limit: int, before: int) -> list[GraphRecord]:
        history = self._history.get(name, [])
        newest_first = (history[: before - 1] if before else history)[::-1]
        return [_read(document) for document in newest_first[:limit]]

    def remove(self, name: str) -> None:
        self.get(name)
        self._out.add(name)


def _read(document: bytes) -> GraphRecord:
    return msgspec.json.decode(document, type=GraphRecord)
