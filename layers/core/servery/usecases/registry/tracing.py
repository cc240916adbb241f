"""Traces a version: from its data through split and training to who serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.release_order import current
from servery.domain.release_records import ReleaseKind
from servery.domain.spec import Split
from servery.usecases.registry.artifacts import Found, find
from servery.usecases.registry.lineage_views import (
    DataOrigin,
    LineageView,
    ReleaseOrigin,
    Serving,
    SplitOrigin,
    TrainingOrigin,
    VersionOrigin,
)
from servery.usecases.registry.views import role_of

if TYPE_CHECKING:
    from servery.ports import ObjectStore, Registry

_RELEASES = 1000


def trace(
    model: str, version: str, training: str, *, registry: Registry, objects: ObjectStore
) -> LineageView:
    """The life of one training of a version.

    Args:
        model: Name of the model.
        version: Development or production version, or an experiment.
        training: `trN`; empty for the one that was released, or else the last one.
        registry: The records.
        objects: The manifests.

    Raises:
        NotFoundError: there is no such version or training.
        ArtifactError: its manifest is not the one that was registered.
    """
    found = find(model, version, training, registry=registry, objects=objects)
    name = found.trained.ref.training
    production = [
        v.version
        for v in registry.versions(model)
        if (v.promoted_from, v.training) == (found.source.version, name)
    ]
    return LineageView(
        model=model,
        asked=version,
        data=_data(found),
        split=_split(found),
        training=_training(found),
        version=_version(found),
        production=production,
        releases=_releases(found, production, registry),
        serving=_serving(found, registry),
    )


def _data(found: Found) -> DataOrigin:
    lineage, rows = found.manifest.lineage, _rows(found)
    return DataOrigin(
        uri=lineage.source_uri,
        source_digest=lineage.source_digest,
        dataset=lineage.dataset,
        key=f"datasets/{lineage.dataset}/data.npz",
        rows_read=rows.get("read"),
        rows_rejected=rows.get("rejected"),
    )


def _split(found: Found) -> SplitOrigin:
    lineage, rows = found.manifest.lineage, _rows(found)
    said = _said(lineage.spec.get("split"))
    return SplitOrigin(
        split=lineage.split,
        key=f"datasets/{lineage.dataset}/{lineage.split}/",
        test_fraction=said.test_fraction,
        seed=said.seed,
        stratify=said.stratify,
        train_rows=rows.get("train"),
        test_rows=rows.get("test"),
    )


def _said(split: object) -> Split:
    """What a spec says about the split; of one that can no longer be read, the defaults."""
    try:
        return msgspec.convert(split or {}, Split)
    except msgspec.ValidationError:
        return Split()


def _training(found: Found) -> TrainingOrigin:
    manifest, run = found.manifest, found.run
    step = manifest.lineage.spec.get("estimator")
    estimator: dict[str, Any] = step if isinstance(step, dict) else {}
    return TrainingOrigin(
        training_id=found.trained.training_id,
        origin=found.source.origin,
        outcome=None if run is None else run.outcome,
        started="" if run is None else run.started,
        finished="" if run is None else run.finished,
        steps={} if run is None else run.steps,
        estimator=str(estimator.get("class", "")),
        parameters=dict(estimator.get("params") or {}),
        preprocessing=manifest.lineage.spec.get("preprocessing", "auto"),
        libraries=manifest.libraries,
        code=manifest.lineage.code,
        logic=manifest.lineage.logic,
        metrics=manifest.metrics,
    )


def _version(found: Found) -> VersionOrigin:
    ref, source, pair = found.trained.ref, found.source, found.manifest.pair
    return VersionOrigin(
        version=source.version,
        training=ref.training,
        stage=source.stage,
        created=found.trained.created,
        follows=source.follows,
        changes=source.changes,
        runtime=ref.runtime,
        digest=ref.digest,
        manifest_digest=ref.manifest_digest,
        prefix=ref.prefix,
        partner="" if pair is None else pair.partner,
        pair=ref.pair,
    )


def _releases(found: Found, production: list[str], registry: Registry) -> list[ReleaseOrigin]:
    names, training = {found.source.version, *production}, found.trained.ref.training
    mine = [
        record
        for record in registry.releases(found.trained.ref.model, _RELEASES)
        if record.kind is not ReleaseKind.ROLL
        and record.version in names
        and record.training in ("", training)
    ]
    return [
        msgspec.convert(record, ReleaseOrigin, from_attributes=True)
        for record in sorted(mine, key=lambda record: record.id)
    ]


def _serving(found: Found, registry: Registry) -> list[Serving]:
    deployment = current(found.trained.ref.model, registry)
    if deployment is None:
        return []
    return [
        Serving(
            role=role_of(deployment, served.ref.version),
            version=served.ref.version,
            function=served.server.function,
            code=served.server.code,
            mode=served.server.mode,
            revision=deployment.revision,
            since=deployment.changed,
        )
        for served in deployment.serving()
        if served.ref.prefix == found.trained.ref.prefix
    ]


def _rows(found: Found) -> dict[str, int]:
    return {} if found.run is None else found.run.rows
