"""Warm-ups of caches: where they stand, who carries them out, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from servery.domain.cached_rows import CachedRow
    from servery.domain.warm_ups import WarmUp


class WarmUpStore(Protocol):
    """Keeps warm-ups for some weeks."""

    def add(self, warm_up: WarmUp, *, now: float) -> None:
        """Keep a new one; `ConflictError` while another one of the same model runs."""
        ...

    def put(self, warm_up: WarmUp) -> None:
        """Keep how far one is."""
        ...

    def get(self, model: str, warm_up_id: str) -> WarmUp:
        """One warm-up; `NotFoundError` where there is none."""
        ...

    def last(self, model: str) -> WarmUp | None:
        """The newest one of a model; None where there is none."""
        ...


class WarmUpQueue(Protocol):
    """Hands warm-ups to who carries them out."""

    def start(self, warm_up: WarmUp) -> None:
        """Start it; `UnavailableError` where nobody takes it."""
        ...


class PatientRows(Protocol):
    """The cache's table for who has time: it waits, and says when it has waited for nothing."""

    def read(self, places: Collection[str]) -> dict[str, CachedRow]:
        """What there is at these places; `UnavailableError` where the table does not answer."""
        ...

    def write(self, rows: Sequence[CachedRow]) -> None:
        """Write rows; `UnavailableError` where the table does not take them."""
        ...
