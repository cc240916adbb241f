"""Copies of answered requests, for the versions that are only compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.rollout import RolloutStage
from servery.domain.routing import is_copied
from servery.ports import ShadowCopy
from servery.usecases.gateway.guards import need

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, Prediction, Target


def shadows(deployment: Deployment) -> dict[str, float]:
    """Who is only compared, and the share of the requests: by the policies, and in a release.

    A version that is both is asked once, for the larger share.
    """
    shadow, rollout = deployment.policies.routing.shadow, deployment.rollout
    found = {} if shadow is None else {shadow.version: shadow.share}
    if rollout is not None and rollout.stage is RolloutStage.SHADOW:
        found[rollout.version] = max(rollout.share, found.get(rollout.version, 0.0))
    return found


def copy_on(target: Target, ask: Ask, said: Prediction, latency_ms: float, guards: Guards) -> None:
    """Hand a copy on for each shadow that is to be asked too.

    Args:
        target: Who was asked.
        ask: What.
        said: What the model said, before a threshold made something of it.
        latency_ms: How long that took.
        guards: What hands copies on.
    """
    for version, share in shadows(target.deployment).items():
        if version == said.model_version or not is_copied(ask.request_id, share):
            continue
        copy = ShadowCopy(
            model=target.deployment.model,
            revision=target.deployment.revision,
            request_id=ask.request_id,
            shadow=version,
            version=said.model_version,
            body=ask.body,
            base64=ask.base64,
            answer=said.body,
            latency_ms=round(latency_ms, 3),
            pair=ask.pair,
        )
        need(guards.shadow, "shadow").send(copy)
