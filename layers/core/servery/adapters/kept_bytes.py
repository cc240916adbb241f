"""What a process has read before, bounded in bytes: the oldest use goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

_AROUND = 400  # bytes that an entry takes beside its key and its content, measured


class KeptBytes:
    """Contents by key with the time that each was kept at; any number of threads may share it.

    Args:
        most_bytes: What all entries may take together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[bytes, float, int]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that all entries take."""
        return self._size

    def get(self, key: Hashable, *, since: float) -> bytes | None:
        """The content of a key, if it was kept at `since` or later."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[1] < since:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, content: bytes, *, at: float) -> None:
        """Keep a content; what is larger than everything may be is not kept."""
        size = len(content) + len(str(key)) + _AROUND
        with self._lock:
            self._drop(key)
            if size > self._most:
                return
            self._kept[key] = (content, at, size)
            self._size += size
            while self._size > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= gone[2]
