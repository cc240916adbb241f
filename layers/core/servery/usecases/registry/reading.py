"""Reads the registry for people: models, versions, runs, deployments and releases, in pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from servery.domain.manifest import MANIFEST, ModelRef, Part, Runtime, read_manifest
from servery.domain.release_order import answers_for, current
from servery.domain.releases import seen_at
from servery.errors import NotFoundError
from servery.usecases.registry.views import (
    Behind,
    DeploymentView,
    ManifestSummary,
    ModelList,
    ModelSummary,
    ModelView,
    PairView,
    ReleaseList,
    RunList,
    VersionView,
    role_of,
    run_view,
    summary,
)

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.records import ModelRecord
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import Clock, ObjectStore, Registry
    from servery.usecases.registry.retire_ports import Keeping

T = TypeVar("T")
Code = Callable[[Runtime, Part | None], str]
RECENT = 10


class RegistryReader:
    """Answers questions about what there is.

    Args:
        registry: The records.
        objects: The manifests.
        code: Identity of the code that a server of a runtime, of a half of a pair too, would run
            if published now.
        clock: The time, by which a release counts as given up.
        kept: Evaluations and retirements; without, nothing is told of them.
    """

    def __init__(
        self,
        registry: Registry,
        objects: ObjectStore,
        *,
        code: Code,
        clock: Clock,
        kept: Keeping | None = None,
    ) -> None:
        self._registry = registry
        self._objects = objects
        self._code = code
        self._clock = clock
        self._kept = kept

    def models(self, limit: int, after: str) -> ModelList:
        """A page of models by name; `after` is where the last page ended."""
        records = [m for m in self._registry.models() if m.name > after]
        page, more = _page(records, limit)
        deployments = {d.model: d for d in self._registry.deployments()}
        code = cache(self._code)
        listed = [self._summary(m, deployments.get(m.name), code) for m in page]
        return ModelList(models=listed, next=page[-1].name if more else "")

    def model(self, name: str, limit: int, after: str) -> ModelView:
        """One model, with a page of its versions, last registered first."""
        record = self._registry.model(name)
        versions = sorted(
            self._registry.versions(name), key=lambda v: (v.created, v.version), reverse=True
        )
        names = [v.version for v in versions]
        if after:
            if after not in names:
                raise NotFoundError("there is no such version of that model")
            versions = versions[names.index(after) + 1 :]
        page, more = _page(versions, limit)
        deployment = self._deployment(name)
        return ModelView(
            model=self._summary(record, deployment, self._code),
            spec=record.spec,
            versions=page,
            next=page[-1].version if more else "",
            trainings=[run_view(run) for run in self._registry.runs(name, RECENT)],
            releases=self.releases(name, RECENT, "").releases,
            deployment=DeploymentView(current=deployment, behind=self._behind(deployment)),
            pair=self._pair(deployment),
        )

    def version(self, model: str, version: str) -> VersionView:
        """One version with its trainings and its manifest."""
        record = self._registry.version(model, version)
        trainings = self._registry.trainings(model, record.promoted_from or version)
        chosen = [t.ref for t in trainings if record.training in ("", t.ref.training)]
        deployment = self._deployment(model)
        return VersionView(
            version=record,
            trainings=trainings,
            manifest=self._manifest(chosen[-1]) if chosen else None,
            served=role_of(deployment, version),
            evaluation=self._kept.evaluation(model, version) if self._kept else None,
            retired=self._kept.retirement(model, version) if self._kept else None,
        )

    def runs(self, model: str, limit: int, after: str) -> RunList:
        """A page of runs of training, newest first; a model may have refused ones only."""
        page, more = _page(self._registry.runs(model, limit + 1, after), limit)
        if not page:
            self._registry.model(model)
        return RunList(
            trainings=[run_view(run) for run in page], next=page[-1].training_id if more else ""
        )

    def deployment(self, model: str, limit: int, after: int) -> DeploymentView:
        """Who answers for a model, with a page of the revisions before."""
        current = self._registry.deployment(model)
        page, more = _page(self._registry.deployment_history(model, limit + 1, after), limit)
        return DeploymentView(
            current=current,
            behind=self._behind(current),
            history=page,
            next=page[-1].revision if more else 0,
        )

    def releases(self, model: str, limit: int, after: str) -> ReleaseList:
        """A page of releases, newest first; those that gave no sign of life for long as failed."""
        self._registry.model(model)
        page, more = _page(self._registry.releases(model, limit + 1, after), limit)
        now = self._clock.now()
        return ReleaseList(
            releases=[seen_at(record, now) for record in page], next=page[-1].id if more else ""
        )

    def release(self, model: str, release_id: str) -> ReleaseRecord:
        """One release; one that gave no sign of life for long as failed."""
        return seen_at(self._registry.release(model, release_id), self._clock.now())

    def _deployment(self, model: str) -> Deployment | None:
        return current(model, self._registry)

    def _pair(self, deployment: Deployment | None) -> PairView | None:
        champion = None if deployment is None else deployment.champion
        part = None if champion is None else champion.ref.part
        if champion is None or part is None:
            return None
        half = answers_for(self._deployment(champion.partner), champion.ref.pair)
        return PairView(
            id=champion.ref.pair,
            part=part,
            partner=champion.partner,
            partner_version="" if half is None else half.ref.version,
        )

    def _behind(self, deployment: Deployment | None) -> list[Behind]:
        return [] if deployment is None else _behind(deployment, self._code)

    def _summary(
        self, record: ModelRecord, deployment: Deployment | None, code: Code
    ) -> ModelSummary:
        behind = deployment is not None and bool(_behind(deployment, code))
        return summary(record, deployment, behind)

    def _manifest(self, ref: ModelRef) -> ManifestSummary:
        manifest = read_manifest(self._objects.get(f"{ref.prefix}/{MANIFEST}"), ref)
        return msgspec.convert(manifest, ManifestSummary, from_attributes=True)


def _behind(deployment: Deployment, code: Code) -> list[Behind]:
    return [
        Behind(
            version=served.ref.version,
            function=served.server.function,
            code=served.server.code,
            deployed=code(served.ref.runtime, served.ref.part),
        )
        for served in deployment.serving()
        if served.server.code != code(served.ref.runtime, served.ref.part)
    ]


def _page(found: list[T], limit: int) -> tuple[list[T], bool]:
    """The first `limit`, and whether there are more."""
    return found[:limit], len(found) > limit
