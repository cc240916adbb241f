"""What the registry keeps beside deployments: models, versions, trainings, releases, leases."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.changes import Change
from servery.domain.identity import Identity
from servery.domain.manifest import ModelRef, Runtime
from servery.domain.pipeline_spec import StepName


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
        version: `X.Y.Z-data.split`; the free name of an experiment.
        stage: experiment, development or production.
        identity: The digests that it is made of.
        created: ISO 8601, UTC.
        metrics: Of the first training.
        runtime: Of the first training.
        promoted_from: The development version (production versions only).
        training: The training that was released (production versions only).
        origin: `training`, `search` (the winner of one), `import`, or `trusted-file`: a pickle
            that its owner trusts.
        follows: The version that it was compared with when it got its name; empty for the first.
        changes: What is another than there, and so why it is called what it is called.
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
    follows: str = ""
    changes: list[Change] = []


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
    DONE = "done"


class StepState(StrEnum):
    """How far a step of a training is."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class StepRecord(_Record, frozen=True, kw_only=True, rename={"source": "from"}, omit_defaults=True):
    """What became of one step of one training.

    Attributes:
        state: running, done, skipped (its output was there already) or failed.
        started: ISO 8601, UTC; of the last attempt.
        seconds: Of the last attempt, once it has ended.
        attempt: Counted from 1.
        digest: Of everything that decides its output.
        source: The training that made the output (skipped only); `from` in JSON.
        cost_usd: Of the last attempt, at the list price of its function.
    """

    state: StepState
    started: str
    seconds: float = 0.0
    attempt: int = 1
    digest: str = ""
    source: str = ""
    cost_usd: float = 0.0


class TrainingRecord(_Record, frozen=True, kw_only=True):
    """One run of training, whatever came of it; `event` is what starts it again.

    Attributes:
        training_id: Name of the execution.
        model: Name of the model.
        outcome: registered, refused (by a gate or by its data), failed (a system fault) or done
            (the steps that were asked for, and nothing was to be registered).
        steps: What became of each step that was begun.
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
    steps: dict[StepName, StepRecord] = {}
    reasons: list[str] = []
    failed_step: str = ""
    version: str = ""
    training: str = ""
    metrics: dict[str, float] = {}
    rows: dict[str, int] = {}
    started: str
    finished: str
    event: dict[str, Any]
