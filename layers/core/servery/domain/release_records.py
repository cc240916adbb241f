"""What the registry keeps of a release: what it was asked for, what it did, and how it ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from servery.domain.deployment import Server
from servery.domain.release_evidence import ApprovalRecord, GateFinding, StageJudgement


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


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
        seen: What the last look at a stage saw that goes on; None once it is judged.
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
    seen: StageJudgement | None = None
    steps: list[ReleaseStep] = []
    reason: str = ""
    alive: str = ""
    started: str
    finished: str = ""
