"""The prediction log."""

from __future__ import annotations

from typing import Protocol


class PredictionLog(Protocol):
    """Takes one line for each request; never slows the answer, never raises."""

    def record(self, line: bytes) -> None:
        """Queue one JSON line without its newline; what cannot be kept is counted as lost."""
        ...
