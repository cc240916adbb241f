"""What a search works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.features import Features
    from servery.domain.search_records import SearchRecord, Trial
    from servery.domain.search_space import Draw
    from servery.domain.search_spec import Search
    from servery.domain.spec import ModelSpec


class SearchStore(Protocol):
    """Searches and their trials."""

    def add(self, record: SearchRecord) -> None:
        """Keep a new search; `ConflictError` where the id is taken."""
        ...

    def change(
        self, model: str, search: str, change: Callable[[SearchRecord], SearchRecord]
    ) -> SearchRecord:
        """Read, change and write a record, again where somebody else was faster.

        `NotFoundError` where there is none; what `change` raises goes through.
        """
        ...

    def search(self, model: str, search: str) -> SearchRecord:
        """One search; `NotFoundError` where there is none."""
        ...

    def searches(self, model: str, limit: int = 20, before: str = "") -> list[SearchRecord]:
        """The last searches of a model, newest first."""
        ...

    def add_trial(self, search: str, trial: Trial) -> None:
        """Keep a trial that is over; the first record of a trial stays."""
        ...

    def trials(self, search: str) -> list[Trial]:
        """The trials of a search that are over, by number."""
        ...


@dataclass(frozen=True, slots=True)
class Halt:
    """That an execution is over.

    Attributes:
        how: `succeeded`, `failed`, `aborted`, `timed_out`, or `missing` where there is none.
        at: When; None where there is none.
    """

    how: str
    at: datetime | None = None


class SearchQueue(Protocol):
    """Starts searches, and knows whether they still run."""

    def start(self, execution: str, event: dict[str, object]) -> None:
        """Start the state machine under a name; `ConflictError` where it was."""
        ...

    def halt(self, execution: str) -> Halt | None:
        """How that execution ended; None while it runs."""
        ...


class Sampler(Protocol):
    """Chooses the next trials by what the earlier ones told."""

    def __call__(
        self,
        search: Search,
        trials: Sequence[Trial],
        *,
        count: int,
        round_number: int,
        higher_is_better: bool,
    ) -> list[Draw]:
        """Up to `count` new draws; fewer where everything was tried. The same for the same."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What a pipeline answered for the rows that it was not fitted to.

    Attributes:
        classes: In the order of the scores (classification).
        predicted: Classes, or values.
        probabilities: Of shape (rows, classes); None where there are none.
        warnings: What the libraries said about the fit.
    """

    classes: list[Any] | None
    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None
    warnings: list[str] = field(default_factory=list)


class FoldFitter(Protocol):
    """Fits the pipeline of a spec to some rows and asks it for others."""

    def __call__(self, spec: ModelSpec, fitted: Features, held_out: Features) -> Judged:
        """Fit and ask; `RejectedError` where it cannot be fitted."""
        ...
