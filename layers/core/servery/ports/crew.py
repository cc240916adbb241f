"""Who does several things at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Done:
    """One job that is over.

    Attributes:
        ticket: Which.
        result: What it gave.
        error: What it raised instead.
    """

    ticket: str
    result: Any = None
    error: Exception | None = None


class Crew(Protocol):
    """Does jobs at the same time, for one caller that waits for them."""

    def now(self) -> float:
        """Seconds by a clock that only goes forward."""
        ...

    def start(self, ticket: str, job: Callable[[], Any]) -> None:
        """Have a job done, as soon as there is a hand free."""
        ...

    def next(self, until: float) -> Done | None:
        """The next job that is over; None where it is `until` and none is."""
        ...

    def drop(self, ticket: str) -> None:
        """Wait for a job no longer; what it gives is thrown away."""
        ...
