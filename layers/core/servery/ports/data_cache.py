"""What the cache keeps rows in, and where it learns what models take and give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from servery.domain.cached_rows import CachedRow
    from servery.domain.manifest import Manifest, ModelRef


@dataclass(frozen=True, slots=True)
class Flight:
    """What became of rows that somebody else asks the model for.

    Attributes:
        row: What is at the place that is written last; None where nothing is.
        flying: Whether he is still at it.
    """

    row: CachedRow | None
    flying: bool


class RowTable(Protocol):
    """Answers by place, shared by all processes; silent when it fails, and away for a while then.

    What is written is written after the response, in order.
    """

    @property
    def away(self) -> bool:
        """Whether it is not asked at the moment, since it failed."""
        ...

    def read(self, places: Collection[str], *, fresh: bool = False) -> dict[str, CachedRow] | None:
        """What there is at these places; None where the table does not answer.

        Args:
            places: Which.
            fresh: Whether every write that came before has to be seen.
        """
        ...

    def keep(self, rows: Sequence[CachedRow]) -> None:
        """Write rows, whatever is at their places."""
        ...

    def take_off(self, flight: str, owner: str, *, now: float, until: float) -> bool | None:
        """Be the one who asks the model; False where somebody else is, None where nobody knows."""
        ...

    def watch(self, flight: str, place: str, *, now: float) -> Flight | None:
        """How far a flight is, by the place that is written last; None where nobody knows."""
        ...

    def land(self, flight: str, owner: str) -> None:
        """There will be no rows; nothing happens where the flight is not ours."""
        ...


class Manifests(Protocol):
    """Manifests at hand."""

    def get(self, ref: ModelRef) -> Manifest:
        """The manifest; `ArtifactError` or a `RetryableError` where it cannot be read."""
        ...
