"""What the registry keeps beside deployments: models, versions, trainings, releases, leases."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.manifest import ModelRef, Runtime
from servery.domain.versioning import Identity


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ModelRecord(_Record, frozen=True, kw_only=True):
    """A named prediction problem, with the spec of its last registered training."""

    name: str
    owner: str
    task: str
    description: str
    spec: dict[str, Any]
    updated: str


class VersionRecord(_Record, frozen=True, kw_only=True):
    """One version.

    Attributes:
        model: Name of the model.
        version: `X.Y.Z-data.split`.
        stage: development or production.
        identity: The digests that it is made of.
        created: ISO 8601, UTC.
        metrics: Of the first training.
        runtime: Of the first training.
        promoted_from: The development version (production versions only).
        training: The training that was released (production versions only).
        origin: `training`; what was imported is never unpickled.
    """

    model: str
    version: str
    stage: str
    identity: Identity
    created: str
    metrics: dict[str, float]
    runtime: Runtime
    promoted_from: str = ""
    training: str = ""
    origin: str = "training"


class RegisteredTraining(_Record, frozen=True, kw_only=True):
    """`trN` of a version: the artifact that can be released.

    Attributes:
        ref: How to ask for it; `ref.version` is the development version.
        training_id: The execution that made it.
        created: ISO 8601, UTC.
        metrics: On the test rows.
    """

    ref: ModelRef
    training_id: str
    created: str
    metrics: dict[str, float]


class Outcome(StrEnum):
    """How a training ended."""

    REGISTERED = "registered"
    REFUSED = "refused"
    FAILED = "failed"


class TrainingRecord(_Record, frozen=True, kw_only=True):
    """One run of training, whatever came of it; `event` is what starts it again.

    Attributes:
        training_id: Name of the execution.
        model: Name of the model.
        outcome: registered, refused (by a gate or by its data) or failed (a system fault).
        reasons: Sentences for a person.
        failed_step: The step that failed (failed only).
        version: What it became (registered only).
        training: `trN` (registered only).
        metrics: On the test rows, where it came so far.
        rows: Counts: read, rejected, train, test, where it came so far.
        started: ISO 8601, UTC.
        finished: ISO 8601, UTC.
        event: The input of the execution, for a re-run.
    """

    training_id: str
    model: str
    outcome: Outcome
    reasons: list[str] = []
    failed_step: str = ""
    version: str = ""
    training: str = ""
    metrics: dict[str, float] = {}
    rows: dict[str, int] = {}
    started: str
    finished: str
    event: dict[str, Any]


class ReleaseKind(StrEnum):
    """What a release does: a new champion, a candidate, or the same ones on new code."""

    RELEASE = "release"
    CANDIDATE = "candidate"
    ROLL = "roll"


class ReleaseState(StrEnum):
    """How far a release is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ReleaseStep(_Record, frozen=True, kw_only=True):
    """One thing that a release did."""

    name: str
    at: str
    detail: str = ""


class ReleaseRecord(_Record, frozen=True, kw_only=True):
    """One release of a model.

    Attributes:
        id: Unique, sorts by time.
        model: Name of the model.
        kind: release, candidate or roll.
        state: running, succeeded or failed.
        version: The development or production version asked for.
        training: The training asked for.
        mode: image or load; empty takes what the spec says.
        released_as: The version that became champion, or a candidate.
        steps: What was done, in order.
        reason: Why it failed.
        started: ISO 8601, UTC.
        finished: ISO 8601, UTC.
    """

    id: str
    model: str
    kind: ReleaseKind
    state: ReleaseState
    version: str = ""
    training: str = ""
    mode: str = ""
    released_as: str = ""
    steps: list[ReleaseStep] = []
    reason: str = ""
    started: str
    finished: str = ""
