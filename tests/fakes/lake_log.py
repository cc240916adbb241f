"""The lake in memory: objects of lines, the last written first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass
class MemoryLake:
    """Keeps objects in the order in which they were written.

    Attributes:
        objects: By key, their lines.
        read: Keys of those that were read, in order.
        failure: Raised instead of listing.
    """

    objects: dict[str, list[bytes]] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def put(self, key: str, *lines: Any) -> None:
        """Write an object; what is not bytes is written as JSON."""
        self.objects[key] = [
            line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines
        ]

    def newest(self, prefix: str) -> list[str]:
        if self.failure is not None:
            raise self.failure
        return [key for key in reversed(self.objects) if key.startswith(prefix)]

    def lines(self, key: str) -> Iterator[bytes]:
        self.read.append(key)
        yield from self.objects.get(key, [])
