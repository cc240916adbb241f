"""Pins the model that predicts a batch: who it is, where it runs, and how quick it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from servery.domain.manifest import MANIFEST, Manifest, read_manifest
from servery.domain.pairs import check_direct
from servery.errors import InvalidInputError, NotFoundError
from servery.usecases.batch.options import rules_of

if TYPE_CHECKING:
    from servery.domain.batches import Batch
    from servery.domain.deployment import Deployment, Served
    from servery.ports import Clock, ObjectStore, Registry

SECONDS = 20.0
"""What a chunk may take of the model, by the figures of its training environment."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """The model that predicts a batch.

    Attributes:
        served: Who it is and where it runs.
        manifest: What its artifact says.
        stale: Whether it is older than the spec allows for batches.
    """

    served: Served
    manifest: Manifest
    stale: bool

    @property
    def rows(self) -> int:
        """How many rows a chunk may have, so that the model takes some seconds and no minutes."""
        figures = self.manifest.figures.get(self.served.ref.runtime)
        milliseconds = figures.thousand_rows.p50_ms if figures else 0.0
        return max(1000, int(SECONDS * 1e6 / max(milliseconds, 0.1)))


def pin(batch: Batch, *, registry: Registry, objects: ObjectStore, clock: Clock) -> Pinned:
    """The champion; of a batch that has begun, the model that it has begun with.

    Args:
        batch: Which batch.
        registry: Who answers for its model.
        objects: Where artifacts are.
        clock: For the age of the model.

    Raises:
        NotFoundError: nothing of that model is released.
        InvalidInputError: the model that the batch began with is no longer served, the
            champion is half of a pair, or a batch would begin with a model that is switched off.
    """
    deployment = registry.deployment(batch.model)
    if batch.ref is None and not deployment.policies.routing.active:
        raise InvalidInputError(
            f"{batch.model} is switched off; switch it on (`servery deployment edit {batch.model} "
            "--set routing.active=true`), and run the batch again"
        )
    served = deployment.champion if batch.ref is None else _same(batch, deployment)
    ref = served.ref
    check_direct(ref)
    return Pinned(
        served=served,
        manifest=read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref),
        stale=_stale(served, registry, clock.now()),
    )


def _same(batch: Batch, deployment: Deployment) -> Served:
    version = batch.ref.version if batch.ref else ""
    try:
        served = deployment.served(version)
    except NotFoundError:
        served = None
    if served is None or served.ref != batch.ref:
        raise InvalidInputError(
            f"the batch began with version {version}, which is no longer served; run all of it "
            "again, with the model that answers now"
        )
    return served


def _stale(served: Served, registry: Registry, now: datetime) -> bool:
    ref = served.ref
    rules = rules_of(registry.model(ref.model))
    created = datetime.fromisoformat(registry.version(ref.model, ref.version).created)
    return now - created > timedelta(days=rules.stale_after_days)
