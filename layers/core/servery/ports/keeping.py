"""What is kept of versions beside their records: evaluations, retirements; and of retrainings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from servery.domain.evaluations import Evaluation
    from servery.domain.retirements import RetiredVersion
    from servery.domain.retrainings import Retrained


class Evaluations(Protocol):
    """What versions are worth; one record each, the newest."""

    def evaluations(self, model: str) -> list[Evaluation]:
        """Of all versions of a model that were ever evaluated."""
        ...

    def evaluation(self, model: str, version: str) -> Evaluation | None:
        """Of one version; None where it never was evaluated."""
        ...

    def put_evaluation(self, evaluation: Evaluation) -> None:
        """Keep one in place of an older one; where a newer one is there nothing changes."""
        ...


class Retirements(Protocol):
    """What goes, and how far it has gone."""

    def retirements(self, model: str) -> list[RetiredVersion]:
        """All of a model, those that are over included."""
        ...

    def retirement(self, model: str, version: str) -> RetiredVersion | None:
        """The last one of a version; None where there is none."""
        ...

    def put_retirement(self, record: RetiredVersion) -> None:
        """Write the next revision; `ConflictError` unless the stored one is exactly one lower."""
        ...


class Retrainings(Protocol):
    """What became of alarms that may start a training."""

    def retrainings(self, model: str, limit: int = 20) -> list[Retrained]:
        """The last decisions of a model, newest first."""
        ...

    def put_retraining(self, record: Retrained) -> None:
        """Keep a decision; the one there is about the same alarm is replaced."""
        ...

    def claim_retraining(self, model: str, alarm: str, *, now: float, hours: float) -> None:
        """Be the one that starts a training now; for the same alarm again it is ours still.

        `ConflictError` where another alarm started one in the last `hours`.
        """
        ...

    def return_retraining(self, model: str, alarm: str) -> None:
        """Give a claim back that came to nothing; nothing happens where it is not ours."""
        ...
