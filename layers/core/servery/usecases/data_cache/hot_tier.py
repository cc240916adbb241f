"""Rows that this process has seen lately: bounded in bytes and in seconds, least recent out."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.cached_rows import CachedRow

MOST_BYTES = 64_000_000
"""Of all models together."""
_AROUND = 560
"""Bytes that a row takes beside its texts: objects, the two numbers, its place in the order."""


@dataclass(frozen=True, slots=True)
class _Hot:
    row: CachedRow
    since: float
    size: int


class HotTier:
    """The rows of one model."""

    def __init__(self) -> None:
        self._rows: OrderedDict[bytes, _Hot] = OrderedDict()
        self.bytes = 0

    def get(self, key: bytes, *, now: float, seconds: float) -> CachedRow | None:
        """A row that has been here for less than so many seconds."""
        hot = self._rows.get(key)
        if hot is None:
            return None
        if not 0 <= now - hot.since < seconds:
            self._drop(key)
            return None
        self._rows.move_to_end(key)
        return hot.row

    def put(self, row: CachedRow, *, now: float, most: int) -> None:
        """Keep a row, and no more than so many bytes in all."""
        self._drop(row.key)
        hot = _Hot(row, now, size_of(row))
        if hot.size > most:
            return
        self._rows[row.key] = hot
        self.bytes += hot.size
        while self.bytes > most:
            self._drop(next(iter(self._rows)))

    def _drop(self, key: bytes) -> None:
        hot = self._rows.pop(key, None)
        if hot is not None:
            self.bytes -= hot.size


class HotTiers:
    """The tiers of all models; any number of threads may share them.

    Args:
        most_bytes: Of all of them together; beyond, the model that was asked for the longest ago
            loses its own.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._tiers: OrderedDict[str, HotTier] = OrderedDict()
        self._most = most_bytes
        self._lock = threading.Lock()

    def get(
        self, model: str, keys: list[bytes], *, now: float, seconds: float
    ) -> dict[bytes, CachedRow]:
        """The rows of a model that are here, by key."""
        with self._lock:
            tier = self._tiers.get(model)
            if tier is None:
                return {}
            self._tiers.move_to_end(model)
            found = ((key, tier.get(key, now=now, seconds=seconds)) for key in keys)
            return {key: row for key, row in found if row is not None}

    def put(self, model: str, rows: list[CachedRow], *, now: float, most: int) -> None:
        """Keep rows of a model, and no more than so many bytes of it."""
        with self._lock:
            tier = self._tiers.setdefault(model, HotTier())
            self._tiers.move_to_end(model)
            for row in rows:
                tier.put(row, now=now, most=most)
            while sum(t.bytes for t in self._tiers.values()) > self._most and len(self._tiers) > 1:
                self._tiers.popitem(last=False)


def size_of(row: CachedRow) -> int:
    """Bytes of memory that a row takes."""
    texts = (row.place, row.key, row.answered.answer, row.answered.floats, row.version)
    return sum(map(sys.getsizeof, texts)) + _AROUND
