"""The stages that a release brings its version through before it becomes champion."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import msgspec

from servery.domain.release_rules import ReleaseRules
from servery.domain.rollout import RolloutStage
from servery.errors import ArtifactError, Violation

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.manifest import Manifest, ModelRef

SHORTEST_LOOK, LONGEST_LOOK = 5, 450
"""The longest is half of the lease, which each look renews."""
LOOKS = 20
MOST_SECONDS = 7 * 86_400
"""Of all stages with their patience: the looks of more would not fit into the history of an
execution, which ends at 25,000 events."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage.

    Attributes:
        stage: shadow or canary.
        share: Of the requests that are copied, or answered.
        seconds: How long, before it is judged.
    """

    stage: RolloutStage
    share: float
    seconds: int


def rules_of(manifest: Manifest) -> ReleaseRules:
    """How the spec of a model says that it is released.

    Raises:
        ArtifactError: that cannot be read.
    """
    try:
        return msgspec.convert(manifest.lineage.spec.get("release", {}), ReleaseRules)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"the spec in the manifest cannot be read: {error}") from error


def planned(rules: ReleaseRules) -> list[Stage]:
    """The stages that the rules ask for, in their order: the shadow, then the canary's steps."""
    stages = []
    if rules.shadow is not None:
        shadow = rules.shadow
        stages.append(Stage(stage=RolloutStage.SHADOW, share=shadow.share, seconds=shadow.seconds))
    steps = (
        Stage(stage=RolloutStage.CANARY, share=step.share, seconds=step.seconds)
        for step in rules.canary
    )
    return [*stages, *steps]


def stage_violations(rules: ReleaseRules) -> list[Violation]:
    """What the types cannot say about stages: shares rise, and one execution sees them all."""
    found, before = [], 0.0
    for place, step in enumerate(rules.canary):
        if step.share <= before:
            message = f"is not above the share before it, {before:g}; shares rise"
            found.append(Violation(f"release.canary[{place}].share", message))
        before = step.share
    stages = planned(rules)
    longest = sum(stage.seconds + rules.judging.patience_s for stage in stages)
    if longest > MOST_SECONDS:
        message = (
            f"the stages take up to {longest} s with the patience of each; "
            f"{MOST_SECONDS} s are the most"
        )
        found.append(Violation("release", message))
    return found


def unstaged(ref: ModelRef, deployment: Deployment | None) -> str:
    """Why a version can have no stages, whatever its rules ask for; empty where it can."""
    if ref.part is not None:
        return f"it is the {ref.part} of a pair, and halves are released together"
    if deployment is None:
        return "there is no champion yet that it could be compared with"
    if deployment.champion.ref.digest == ref.digest:
        return "the champion is the same model"
    return ""


def next_look(stage: Stage, elapsed: float) -> int:
    """Seconds until a stage is looked at again; each look is a sign of life.

    A stage that goes on beyond its time is looked at the more rarely, the longer it does.
    """
    pause = int(max(stage.seconds, elapsed)) // LOOKS
    pause = min(max(pause, SHORTEST_LOOK), LONGEST_LOOK)
    left = ceil(stage.seconds - elapsed)
    return min(pause, left) if left > 0 else pause
