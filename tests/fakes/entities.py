"""Entities in memory, with the promises of the port and of the real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from fakes.clock import SetClock


class MemoryEntities:
    """All data go through JSON, so what cannot be stored for real cannot be stored here.

    Args:
        clock: By which data expire.
    """

    def __init__(self, clock: SetClock | None = None) -> None:
        self._clock = clock or SetClock()
        self._kept: dict[tuple[str, str], tuple[bytes, float]] = {}

    def add(self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int) -> None:
        if not self.get_many(entity, [key]):
            self.put(entity, key, data, seconds=seconds)

    def get_many(self, entity: str, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        now = self._clock.now().timestamp()
        return {
            key: msgspec.json.decode(self._kept[entity, key][0])
            for key in keys
            if (entity, key) in self._kept and self._kept[entity, key][1] > now
        }

    def put(
        self, entity: str, key: str, data: Mapping[str, Any], *, seconds: int | None = None
    ) -> None:
        until = float("inf") if seconds is None else self._clock.now().timestamp() + seconds
        self._kept[entity, key] = (msgspec.json.encode(data), until)

    def put_many(
        self, entity: str, rows: Mapping[str, Mapping[str, Any]], *, seconds: int | None = None
    ) -> None:
        for key, data in rows.items():
            self.put(entity, key, data, seconds=seconds)

    def remove(self, entity: str, key: str) -> None:
        self._kept.pop((entity, key), None)
