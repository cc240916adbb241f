"""What retiring works with, and what belongs to a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from servery.domain.versioning import Stage
from servery.ports import Evaluations, Retirements

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.domain.records import VersionRecord
    from servery.domain.retirements import RetiredVersion
    from servery.ports import (
        BatchStore,
        Clock,
        GraphJobStore,
        GraphStore,
        JobStore,
        ObjectStore,
        Registry,
        ServerPublisher,
    )


class Keeping(Evaluations, Retirements, Protocol):
    """What is kept of versions beside their records."""


class RetirementEvents(Protocol):
    """Tells the event bus."""

    def retired(self, record: RetiredVersion) -> None:
        """A retirement has come to another stage; `UnavailableError` where nobody was told."""
        ...


@dataclass(frozen=True, slots=True)
class RetirePorts:
    """What retiring works with.

    Attributes:
        registry: Versions, deployments, releases and leases.
        kept: Evaluations and retirements.
        graphs: Who names a version.
        graph_jobs: Those under way hold the graph as it was.
        jobs: Those under way may be with a server.
        batches: Those under way are pinned to a server.
        clock: The time.
        entropy: A few random characters, for ids.
    """

    registry: Registry
    kept: Keeping
    graphs: GraphStore
    graph_jobs: GraphJobStore
    jobs: JobStore
    batches: BatchStore
    clock: Clock
    entropy: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Removal:
    """What takes things away.

    Attributes:
        publisher: Deletes servers.
        objects: Deletes artifacts.
        events: Is told.
    """

    publisher: ServerPublisher
    objects: ObjectStore
    events: RetirementEvents


@dataclass(frozen=True, slots=True)
class Owned:
    """A version with the artifacts that go when it goes.

    Attributes:
        record: Of the version.
        refs: Of a production version that of the training it was made from; of a development
            version those of its trainings that no production version was made from.
    """

    record: VersionRecord
    refs: list[ModelRef]


def owned(model: str, registry: Registry) -> list[Owned]:
    """The versions of a model that have artifacts of their own; experiments stay as named."""
    versions = registry.versions(model)
    taken = {(v.promoted_from, v.training): v for v in versions if v.stage == Stage.PRODUCTION}
    found: list[Owned] = []
    for version in versions:
        if version.stage != Stage.DEVELOPMENT:
            continue
        own: list[ModelRef] = []
        for training in registry.trainings(model, version.version):
            production = taken.get((version.version, training.ref.training))
            if production is None:
                own.append(training.ref)
            else:
                found.append(Owned(production, [training.ref]))
        if own:
            found.append(Owned(version, own))
    return found
