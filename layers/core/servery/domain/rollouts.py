"""Changes of a deployment while a release brings a version to its traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.deployment import change
from servery.domain.named_versions import named_versions
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.domain.rollout import Rollout


def with_rollout(
    deployment: Deployment, rollout: Rollout, *, now: float, reason: str
) -> Deployment:
    """Begin a rollout, or go on to its next stage or share.

    Args:
        deployment: As it is; the version of the rollout is among its candidates.
        rollout: Which version, at which stage, with which share.
        now: Seconds since the epoch.
        reason: What the change is.

    Raises:
        ConflictError: another release's rollout is under way, or the version is no candidate.
    """
    under_way = deployment.rollout
    if under_way is not None and under_way.release != rollout.release:
        raise ConflictError(
            f"release {under_way.release} is bringing {under_way.version} of {deployment.model} "
            f"to its traffic already"
        )
    if rollout.version not in {c.ref.version for c in deployment.candidates}:
        raise ConflictError(
            f"{rollout.version} is no candidate of {deployment.model}, so it can have no share"
        )
    after = msgspec.structs.replace(deployment, rollout=rollout)
    return change(deployment, after, now=now, reason=reason)


def without_rollout(
    deployment: Deployment, *, now: float, reason: str, keep: bool = False
) -> Deployment:
    """End the rollout: from here on the champion answers alone again, as before it.

    Its version is taken out of the candidates in the same change, so that no reader finds one
    without the other; a version that a policy names goes on being served. A deployment without a
    rollout stays as it is, revision and all, so a step that is done twice does no harm.

    Args:
        deployment: As it is.
        now: Seconds since the epoch.
        reason: What the change is.
        keep: Whether the version stays a candidate, as one does that was one before.
    """
    rollout = deployment.rollout
    if rollout is None:
        return deployment
    keep = keep or rollout.version in named_versions(deployment.policies)
    left = [c for c in deployment.candidates if keep or c.ref.version != rollout.version]
    after = msgspec.structs.replace(deployment, rollout=None, candidates=left)
    return change(deployment, after, now=now, reason=reason)


def rolled_out(deployment: Deployment) -> Served | None:
    """Who serves the version that is being rolled out; None where no rollout is under way."""
    rollout = deployment.rollout
    return None if rollout is None else deployment.served(rollout.version)
