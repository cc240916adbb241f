"""Who carries out what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord


class ReleaseQueue(Protocol):
    """Hands a recorded release to whoever carries it out."""

    def start(self, record: ReleaseRecord) -> None:
        """Start it in the background; `UnavailableError` where that cannot be done now."""
        ...


class TrainingQueue(Protocol):
    """Starts trainings."""

    def start(self, training_id: str, event: dict[str, object]) -> None:
        """Start the training state machine under the name of the training.

        `ConflictError` where a training of that name exists.
        """
        ...


class RunningTrainings(Protocol):
    """Tells what is under way."""

    def of(self, model: str) -> list[str]:
        """Names of the trainings of a model that run at the moment."""
        ...
