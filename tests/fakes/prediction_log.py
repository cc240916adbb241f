"""The prediction log in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class MemoryPredictionLog:
    """Keeps every line."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def record(self, line: Callable[[], bytes], size: int) -> None:
        self.lines.append(line())

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.lines]
