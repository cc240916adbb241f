"""The time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """The time, so that a test can set it."""

    def now(self) -> datetime:
        """The time now, with its zone (UTC)."""
        ...
