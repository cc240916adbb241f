"""Models, versions, trainings, deployments, releases and leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.records import (
        ModelRecord,
        RegisteredTraining,
        TrainingRecord,
        VersionRecord,
    )
    from servery.domain.release_records import ReleaseRecord


class Registry(Protocol):
    """Models, versions, trainings, deployments, releases and leases; conditional writes only."""

    def models(self) -> list[ModelRecord]:
        """All models, by name."""
        ...

    def model(self, name: str) -> ModelRecord:
        """One model; `NotFoundError` where there is none."""
        ...

    def put_model(self, record: ModelRecord) -> None:
        """Create a model or take over its newest spec; an older spec changes nothing."""
        ...

    def versions(self, model: str) -> list[VersionRecord]:
        """All versions of a model in their order (development and production)."""
        ...

    def version(self, model: str, version: str) -> VersionRecord:
        """One version; `NotFoundError` where there is none."""
        ...

    def add_version(self, record: VersionRecord) -> None:
        """Add a version that is new; `ConflictError` where the name is taken."""
        ...

    def trainings(self, model: str, version: str) -> list[RegisteredTraining]:
        """The registered trainings of a development version, tr0 first."""
        ...

    def add_training(self, training: RegisteredTraining) -> None:
        """Add tr0, tr1, ...; `ConflictError` where the name is taken."""
        ...

    def put_run(self, record: TrainingRecord) -> None:
        """Write the record of one run of training; the same run again replaces it in its place."""
        ...

    def runs(self, model: str, limit: int = 50, before: str = "") -> list[TrainingRecord]:
        """The last runs of training of a model, newest first; older than the run `before`.

        `NotFoundError` where there is no run `before`.
        """
        ...

    def run(self, model: str, training_id: str) -> TrainingRecord:
        """One run; `NotFoundError` where there is none."""
        ...

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        ...

    def deployments(self) -> list[Deployment]:
        """All deployments, by model."""
        ...

    def put_deployment(self, deployment: Deployment) -> None:
        """Write the next revision and its history entry in one transaction.

        `ConflictError` unless the stored revision is exactly one lower (or absent for 1).
        """
        ...

    def deployment_history(self, model: str, limit: int = 20, before: int = 0) -> list[Deployment]:
        """The last revisions, newest first; lower than the revision `before`."""
        ...

    def put_release(self, record: ReleaseRecord) -> None:
        """Write a release's record as it stands; `ConflictError` where it has ended already."""
        ...

    def release(self, model: str, release_id: str) -> ReleaseRecord:
        """One release; `NotFoundError` where there is none."""
        ...

    def releases(self, model: str, limit: int = 20, before: str = "") -> list[ReleaseRecord]:
        """The last releases of a model, newest first; with an id lower than `before`."""
        ...

    def take_lease(self, name: str, owner: str, *, seconds: float) -> None:
        """Take or renew a lease that is free, expired or ours.

        `ConflictError` where somebody else holds it; the sentence says who and for how long.
        """
        ...

    def end_lease(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens where it is not ours."""
        ...


class Deployments(Protocol):
    """Deployment records at hand: fresh within seconds, and stale rather than absent."""

    def get(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released under that name."""
        ...

    def forget(self, model: str) -> None:
        """Read the record anew next time."""
        ...

    def probe(self) -> None:
        """Make sure that records can be read; `UnavailableError` where they cannot."""
        ...
