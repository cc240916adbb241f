"""What the registry tells of models: typed answers, made out of its records."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.deployment import Deployment
from servery.domain.evaluations import Evaluation
from servery.domain.manifest import Lineage, Pair, Parity, Part, Runtime, RuntimeFigures
from servery.domain.records import (
    ModelRecord,
    Outcome,
    RegisteredTraining,
    TrainingRecord,
    VersionRecord,
)
from servery.domain.release_records import ReleaseRecord
from servery.domain.retirements import RetiredVersion
from servery.domain.serving import Limits
from servery.domain.signature import Signature


class _View(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ModelSummary(_View, frozen=True, kw_only=True):
    """One model, and who answers for it; empty where nothing is released.

    Attributes:
        champion: The version that answers.
        part: Which half of a pair the champion is; empty for a whole model.
        partner: Name of the other half's model.
        code: Identity of the code that the champion runs.
        behind: Whether a serving model server runs older code than the deployed one.
        candidates: The versions that are served beside champion and last good one.
    """

    name: str
    owner: str
    task: str
    description: str
    updated: str
    champion: str = ""
    training: str = ""
    mode: str = ""
    runtime: str = ""
    code: str = ""
    behind: bool = False
    last_good: str = ""
    revision: int = 0
    part: str = ""
    partner: str = ""
    candidates: list[str] = []


class ModelList(_View, frozen=True, kw_only=True):
    """A page of models; `next` is what to ask for after it, empty on the last page."""

    models: list[ModelSummary]
    next: str = ""


class Behind(_View, frozen=True, kw_only=True):
    """A server that runs other code than one that is published now."""

    version: str
    function: str
    code: str
    deployed: str


class DeploymentView(_View, frozen=True, kw_only=True):
    """Who answers for a model, who is behind on code, and the revisions before.

    Attributes:
        current: The record as it is; None where nothing is released.
        behind: The serving servers that a roll would move.
        history: Revisions, newest first, the current one included.
        next: The revision to ask for after this page, 0 on the last one.
    """

    current: Deployment | None = None
    behind: list[Behind] = []
    history: list[Deployment] = []
    next: int = 0


class RunView(_View, frozen=True, kw_only=True):
    """One run of training, as in `TrainingRecord` but for the event that starts it again."""

    training_id: str
    model: str
    outcome: Outcome
    reasons: list[str]
    failed_step: str
    version: str
    training: str
    metrics: dict[str, float]
    rows: dict[str, int]
    started: str
    finished: str


class RunList(_View, frozen=True, kw_only=True):
    """A page of runs, newest first; `next` is what to ask for after it."""

    trainings: list[RunView]
    next: str = ""


class ReleaseList(_View, frozen=True, kw_only=True):
    """A page of releases, newest first; `next` is what to ask for after it."""

    releases: list[ReleaseRecord]
    next: str = ""


class PairView(_View, frozen=True, kw_only=True):
    """The pair that a champion is half of.

    Attributes:
        id: Of the pair.
        part: Which half the champion is.
        partner: Name of the other half's model.
        partner_version: The version of it that belongs to the champion and answers; empty
            where none does.
    """

    id: str
    part: Part
    partner: str
    partner_version: str = ""


class ModelView(_View, frozen=True, kw_only=True):
    """One model, whole.

    Attributes:
        model: Who answers for it, and whether that is behind on code.
        spec: The spec of its last registered training.
        versions: A page of its versions, last registered first.
        next: The version to ask for after this page.
        trainings: The last runs of training.
        releases: The last releases.
        deployment: Who answers, without its history.
        pair: The pair that the champion is half of; None for a whole model.
    """

    model: ModelSummary
    spec: dict[str, Any]
    versions: list[VersionRecord]
    next: str = ""
    trainings: list[RunView]
    releases: list[ReleaseRecord]
    deployment: DeploymentView
    pair: PairView | None = None


class ManifestSummary(_View, frozen=True, kw_only=True):
    """A manifest without the recorded sample, which holds rows of the data."""

    created: str
    owner: str
    signature: Signature
    limits: Limits
    runtime: Runtime
    runtime_reason: str
    libraries: dict[str, str]
    files: dict[str, str]
    metrics: dict[str, float]
    figures: dict[str, RuntimeFigures]
    parity: Parity
    lineage: Lineage
    pair: Pair | None = None


class VersionView(_View, frozen=True, kw_only=True):
    """One version: its record, its trainings, and from what it was made.

    Attributes:
        version: The record.
        trainings: Of the development version that it is or was made from.
        manifest: Of the training that was released, else of the last one.
        served: Who serves it now: champion, last_good, candidate or nobody.
        evaluation: What it is worth by the labels that came; None where it never was served.
        retired: How far its retirement is; None where there is none.
    """

    version: VersionRecord
    trainings: list[RegisteredTraining]
    manifest: ManifestSummary | None = None
    served: str = ""
    evaluation: Evaluation | None = None
    retired: RetiredVersion | None = None


def run_view(record: TrainingRecord) -> RunView:
    """A run without its event, which holds a whole spec."""
    return msgspec.convert(record, RunView, from_attributes=True)


def summary(record: ModelRecord, deployment: Deployment | None, behind: bool) -> ModelSummary:
    """One line on a model."""
    plain = ModelSummary(
        name=record.name,
        owner=record.owner,
        task=record.task,
        description=record.description,
        updated=record.updated,
    )
    if deployment is None:
        return plain
    champion, last_good = deployment.champion, deployment.last_good
    return msgspec.structs.replace(
        plain,
        champion=champion.ref.version,
        training=champion.ref.training,
        mode=str(champion.server.mode),
        runtime=str(champion.ref.runtime),
        code=champion.server.code,
        behind=behind,
        last_good="" if last_good is None else last_good.ref.version,
        revision=deployment.revision,
        part=str(champion.ref.part or ""),
        partner=champion.partner,
        candidates=[candidate.ref.version for candidate in deployment.candidates],
    )


def role_of(deployment: Deployment | None, version: str) -> str:
    """As what a version is served: champion, last_good or candidate; empty where it is not."""
    if deployment is None:
        return ""
    last_good = [] if deployment.last_good is None else [deployment.last_good]
    roles = {
        "champion": [deployment.champion],
        "last_good": last_good,
        "candidate": deployment.candidates,
    }
    return next(
        (role for role, those in roles.items() if version in [s.ref.version for s in those]), ""
    )
