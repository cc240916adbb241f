"""The prediction log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class PredictionLog(Protocol):
    """Takes one line for each request; never slows the answer, never raises."""

    def record(self, line: bytes) -> None:
        """Queue one JSON line without its newline; what cannot be kept is counted as lost."""
        ...


class LineLog(Protocol):
    """Takes lines that somebody waits to hear of."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Write JSON lines, each without its newline; `UnavailableError` unless all were taken."""
        ...
