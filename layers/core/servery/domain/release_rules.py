"""The section `release` of a model spec: how a version becomes champion, and who has a say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Seconds = Annotated[int, Meta(ge=1, le=7 * 86_400)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Approval(StrEnum):
    """What a release needs a person's approval for.

    unstable: the last trainings went badly, several in a row. search: the version is the winner
    of a search. first: the model has no champion yet. always: whatever it is.
    """

    UNSTABLE = "unstable"
    SEARCH = "search"
    FIRST = "first"
    ALWAYS = "always"


class ShadowStage(_Part, frozen=True, kw_only=True):
    """Before the canary: the version is asked too, and never answers.

    Attributes:
        share: Of the requests that are copied.
        seconds: How long.
    """

    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    seconds: Seconds = 300


class CanaryStep(_Part, frozen=True, kw_only=True):
    """One step of a canary.

    Attributes:
        share: Of the requests that the version answers.
        seconds: How long, before it is judged.
    """

    share: Annotated[float, Meta(gt=0, lt=1)]
    seconds: Seconds = 300


class Judging(_Part, frozen=True, kw_only=True):
    """What a version is judged by, at each step, beside the champion in the same time.

    A judgement is of evidence: a bound counts as broken where chance alone would break it in
    fewer than `chance` of cases.

    Attributes:
        min_requests: Requests of the version below which nothing is said.
        patience_s: How long a step goes on beyond its time where there are fewer; then the
            release is given up. All stages with their patience take a week at the most.
        error_share: By how much its share of failures may exceed the champion's.
        latency_ratio: How many times the champion's p95 its own may be.
        drift_psi: Population stability index between its predictions and the champion's.
        quality_loss: By how much its accuracy may be below the champion's, or its squared error
            above, as a share of the champion's; only where labels come.
        min_labels: Labelled rows of each below which nothing is said about quality.
        chance: Probability of a false verdict that each step accepts.
    """

    min_requests: Annotated[int, Meta(ge=1, le=1_000_000)] = 50
    patience_s: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 3600
    error_share: Annotated[float, Meta(ge=0, lt=1)] = 0.01
    latency_ratio: Annotated[float, Meta(gt=1)] = 2.0
    drift_psi: Annotated[float, Meta(gt=0)] = 0.25
    quality_loss: Annotated[float, Meta(ge=0, le=1)] = 0.05
    min_labels: Annotated[int, Meta(ge=10)] = 50
    chance: Annotated[float, Meta(gt=0, lt=0.5)] = 0.01


class ReleaseRules(_Part, frozen=True, kw_only=True):
    """How a version becomes champion.

    Attributes:
        automatic: Whether a training that is registered is released by itself.
        compare: Whether the gate refuses one that is worse than the champion on the held-out
            rows of the new training by more than `tolerance`. Left out, it refuses what nobody
            asked for, and only tells a person who asks for a release by hand.
        tolerance: By how much its metric may be worse there, in the metric's own unit.
        shadow: The shadow stage; none where left out.
        canary: The steps, with shares that rise; none where left out: champion at once.
        judging: What each stage is judged by.
        approval: What a person has to approve. A release that a person asks for has been
            approved by that, but for `always`.
        unstable_after: Bad trainings in a row that count as unstable.
        approval_hours: How long the approval is waited for; then the release is declined.
    """

    automatic: bool = False
    compare: bool | None = None
    tolerance: Annotated[float, Meta(ge=0)] = 0.0
    shadow: ShadowStage | None = None
    canary: Annotated[list[CanaryStep], Meta(max_length=10)] = []
    judging: Judging = msgspec.field(default_factory=Judging)
    approval: list[Approval] = msgspec.field(
        default_factory=lambda: [Approval.UNSTABLE, Approval.SEARCH]
    )
    unstable_after: Annotated[int, Meta(ge=2, le=20)] = 3
    approval_hours: Annotated[int, Meta(ge=1, le=24 * 30)] = 72


def is_automatic(event: dict[str, Any]) -> bool:
    """Whether what a training makes is released by itself.

    One that an alarm started is, or its alarm would go on; any other where its spec says so.

    Args:
        event: What started the training: `origin`, and the `spec` as it was given.
    """
    if event.get("origin") == "alarm":
        return True
    spec = event.get("spec")
    section = spec.get("release", {}) if isinstance(spec, dict) else {}
    try:
        return msgspec.convert(section, ReleaseRules).automatic
    except msgspec.ValidationError:
        return False
