"""The prediction log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class PredictionLog(Protocol):
    """Takes one line for each request; never slows the answer, never raises."""

    def record(self, line: Callable[[], bytes], size: int) -> None:
        """Queue one line; what cannot be kept is counted as lost.

        Args:
            line: Writes it as JSON without its newline; called once the response has left.
            size: About how many bytes are kept until then.
        """
        ...


class LineLog(Protocol):
    """Takes lines that somebody waits to hear of."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Write JSON lines, each without its newline; `UnavailableError` unless all were taken."""
        ...
