"""Which version a request goes to: named, by a branch, an experiment, the record, a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from servery.domain.asked import Asked
from servery.domain.deployment import Deployment, Served
from servery.domain.rollout import RolloutStage, in_canary
from servery.domain.routing import Circumstances, branch_of, digest_of, key_of, variant_of
from servery.errors import NotFoundError
from servery.usecases.gateway.messages import CANARY, CHAMPION, PINNED, Ask, Target

if TYPE_CHECKING:
    from servery.domain.asked import Scalar
    from servery.domain.signature import Field
    from servery.ports import Clock
    from servery.usecases.gateway.guards import Guards


def choose(
    deployment: Deployment, version: str | None, ask: Ask, clock: Clock, guards: Guards
) -> Target:
    """Who a request goes to.

    What would be left to the champion is a release's to share out, and nothing else is.

    Features go to the predictor that was trained with who made them, whatever the policies say.

    Args:
        deployment: The record.
        version: The version that the caller names; None for none.
        ask: The request.
        clock: What hours go by.
        guards: Has the signatures, which columns of packed tensors are found by.

    Raises:
        NotFoundError: nobody serves the version that the caller names.
    """
    if version is not None or ask.pair:
        return locate(deployment, version, ask.pair)
    routing = deployment.policies.routing
    if routing.branches or routing.experiment is not None:
        target = _by_conditions(deployment, ask, clock, guards)
        if target is not None:
            return target
    if routing.version:
        return Target(deployment, deployment.served(routing.version), PINNED)
    return _canary(deployment, ask) or Target(deployment, deployment.champion, CHAMPION)


def locate(deployment: Deployment, version: str | None, pair: str) -> Target:
    """Who a version, the half of a pair, or the champion is.

    Features may go to the last good predictor while a pair is being released.

    Raises:
        NotFoundError: nobody serves that version.
    """
    if version is not None:
        return Target(deployment, deployment.served(version), PINNED, exact=True)
    half, champion = _half(deployment, pair), deployment.champion
    if half is None or half.ref.pair == champion.ref.pair:
        return Target(deployment, champion, CHAMPION)
    return Target(deployment, half, PINNED, exact=True)


def _canary(deployment: Deployment, ask: Ask) -> Target | None:
    """The version that is being released, where the request is in its share."""
    rollout = deployment.rollout
    if rollout is None or rollout.stage is not RolloutStage.CANARY:
        return None
    if not in_canary(ask.request_id, rollout.share):
        return None
    return Target(deployment, deployment.served(rollout.version), CANARY)


def _by_conditions(deployment: Deployment, ask: Ask, clock: Clock, guards: Guards) -> Target | None:
    """Who answers by a branch, or else by the experiment; None where neither takes the request."""
    routing = deployment.policies.routing
    circumstances = Circumstances(ask.headers, _Columns(deployment, ask, guards).value, clock.now())
    branch = branch_of(routing, circumstances)
    if branch is not None:
        served = deployment.served(branch.version)
        return Target(deployment, served, f"branch:{branch.name}", branch=branch.name)
    experiment = routing.experiment
    key = key_of(experiment, circumstances) if experiment is not None else ""
    variant = variant_of(experiment, key) if experiment is not None and key else None
    if experiment is None or variant is None:
        return None
    return Target(
        deployment,
        deployment.served(variant.version),
        f"variant:{experiment.name}/{variant.name}",
        experiment=experiment.name,
        variant=variant.name,
        key=digest_of(key),
    )


class _Columns:
    """The columns of a request, which is parsed only where a condition names one."""

    def __init__(self, deployment: Deployment, ask: Ask, guards: Guards) -> None:
        self._ref = deployment.champion.ref
        self._asked = Asked(ask.body, base64=ask.base64)
        self._guards = guards

    def value(self, name: str) -> Scalar | None:
        """The value that all rows agree on, or None."""
        return self._asked.column(name, self._inputs)

    def _inputs(self) -> Sequence[Field]:
        return self._guards.signature(self._ref).inputs


def _half(deployment: Deployment, pair: str) -> Served | None:
    """Who serves the half of a pair; None where nobody does, or none was said."""
    try:
        return deployment.paired(pair) if pair else None
    except NotFoundError:
        return None
