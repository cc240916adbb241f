"""What the registry keeps beside deployments: models, versions, trainings, releases, leases."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from servery.domain.changes import Change
from servery.domain.deployment import Server
from servery.domain.manifest import ModelRef, Runtime
from servery.domain.pipeline_spec import StepName
from servery.domain.release_evidence import ApprovalRecord, GateFinding, StageJudgement
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


class ReleaseKind(StrEnum):
    """What a release does: a new champion, a candidate, or the same ones on new code."""

    RELEASE = "release"
    CANDIDATE = "candidate"
    ROLL = "roll"


class ReleaseState(StrEnum):
    """How far a release is, or how it ended.

    refused: by the gate, or by the person who was asked. rolled_back: its stages were begun, and
    the champion answers alone again. aborted: somebody stopped it. failed: the system is at fault.
    """

    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    FAILED = "failed"


class ReleaseOrigin(StrEnum):
    """What a release was started by."""

    COMMAND = "command"
    TRAINING = "training"
    SCHEDULE = "schedule"
    ALARM = "alarm"


OPEN = frozenset({ReleaseState.RUNNING, ReleaseState.WAITING})
"""The states of a release that has not ended."""


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
        state: running, waiting (for approval), or how it ended.
        origin: command, training, schedule or alarm.
        because: Why it was started, in a sentence; empty for one that a person asked for.
        execution: Of the state machine that carries it out; empty for one without stages.
        version: The development or production version asked for.
        training: The training asked for.
        mode: image or load; empty takes what the spec says.
        released_as: The version that became champion, or a candidate.
        production: The name that the version has in production, once it is put up.
        server: Where it runs then.
        stood: Whether it was a candidate before, and stays one when it is rolled back.
        against: The champion that the gate found; empty where there was none.
        findings: What the gate found.
        approval: A person's, where one was needed.
        passed: How many stages are behind it: the shadow, then each step of the canary.
        judgements: How each stage was judged, in order.
        steps: What was done, in order.
        reason: Why it did not become champion.
        alive: ISO 8601, UTC; the last look at a stage that goes on, which is no step.
        started: ISO 8601, UTC.
        finished: ISO 8601, UTC.
    """

    id: str
    model: str
    kind: ReleaseKind
    state: ReleaseState
    origin: ReleaseOrigin = ReleaseOrigin.COMMAND
    because: str = ""
    execution: str = ""
    version: str = ""
    training: str = ""
    mode: str = ""
    released_as: str = ""
    production: str = ""
    server: Server | None = None
    stood: bool = False
    against: str = ""
    findings: list[GateFinding] = []
    approval: ApprovalRecord | None = None
    passed: int = 0
    judgements: list[StageJudgement] = []
    steps: list[ReleaseStep] = []
    reason: str = ""
    alive: str = ""
    started: str
    finished: str = ""
