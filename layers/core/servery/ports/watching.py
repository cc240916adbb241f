"""What the watch over models in service works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from servery.domain.watch_records import LookRecord, Telling, WatchRecord
    from servery.domain.watching import Look, WatchState


class WatchStore(Protocol):
    """Keeps what is known of the watch over each model; conditional writes only."""

    def watch(self, model: str) -> WatchRecord | None:
        """What is known of a model; None where nobody has looked at it."""
        ...

    def put(self, record: WatchRecord, look: LookRecord | None = None) -> None:
        """Write the next revision and, in one with it, a look that came to an end.

        `ConflictError` unless the stored revision is exactly one lower (or absent for 1).
        """
        ...

    def looks(self, model: str, limit: int = 20, before: str = "") -> list[LookRecord]:
        """The last looks at a model, newest first; with an id lower than `before`."""
        ...


class AlarmTeller(Protocol):
    """Tells somebody of alarms; the same telling again has the same ids.

    Attributes:
        name: What it is remembered by that this one was told.
    """

    @property
    def name(self) -> str:
        """What it is remembered by."""
        ...

    def tell(self, telling: Telling) -> None:
        """Tell; `RetryableError` or `FaultError` where not all of it was taken."""
        ...


class LookQueue(Protocol):
    """Has looks carried out in the background."""

    def start(self, model: str, look: str) -> None:
        """Hand over a look under an id; `UnavailableError` where that could not be done."""
        ...


class LookReports(Protocol):
    """Keeps the figures of looks, and pages about them."""

    def write(self, identity: str, look: Look, state: WatchState, *, lasting: bool) -> str:
        """Write both; where they are, without the ending (`.json`, `.html`).

        What is not `lasting` may be written over by a later look of the same hour.
        """
        ...


class RequestCount(Protocol):
    """Knows how many requests there were, from elsewhere than the lake."""

    def count(
        self, model: str, versions: Sequence[str], since: datetime, until: datetime
    ) -> int | None:
        """Requests that these versions were to answer; None where nobody knows."""
        ...
