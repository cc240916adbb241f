"""Who answers for a hop: of a pair, the two halves that were trained together."""

from __future__ import annotations

from dataclasses import dataclass

from servery.domain.deployment import Deployment, Served
from servery.errors import NotFoundError, PairMismatchError, RefusedError
from servery.ports import Deployments
from servery.usecases.graph.hops import ModelHop


@dataclass(frozen=True, slots=True)
class Target:
    """Who is called for a hop.

    Attributes:
        served: The version and its server.
        most_bytes: What a request to it may have.
        exact: Whether no other version may stand in for it.
        pair: The pair that has to answer; empty for a whole model.
        then: The predictor that a preprocessor hands its features on to.
    """

    served: Served
    most_bytes: int
    exact: bool
    pair: str = ""
    then: Served | None = None


class Locator:
    """Finds who answers for a hop.

    Of a pair the predictor is chosen first, and its other half by it. Features that are there
    already choose the predictor that takes them.

    Args:
        deployments: Who answers for which model.
    """

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        return self._deployments.get(model)

    def locate(self, hop: ModelHop, pair: str) -> Target:
        """Who is called, and who behind it.

        Args:
            hop: Who is to be asked.
            pair: The pair of the features that it is to be sent; empty where it is sent inputs.

        Raises:
            NotFoundError: nobody answers for it, or nobody with that other half.
            PairMismatchError: the version to ask is no half of this pair.
            RefusedError: it is switched off.
        """
        deployment = self._switched_on(hop.model)
        if hop.partner is not None:
            predictor = self._chosen(hop.partner.model, hop.partner.version)
            served = deployment.paired(_pair_of(predictor))
            then = predictor if hop.partner.follows else None
            return self._target(deployment, served, exact=True, then=then)
        if pair and not hop.version:
            return self._target(deployment, deployment.paired(pair), exact=True)
        served = self._chosen(hop.model, hop.version)
        if served.ref.pair != pair and (pair or hop.features):
            raise PairMismatchError(f"{served.ref.version} was trained with another preprocessor")
        return self._target(deployment, served, exact=bool(hop.version or served.ref.pair))

    def forget(self, hop: ModelHop) -> None:
        """Read the records of a hop's models anew next time."""
        for model in hop.models:
            self._deployments.forget(model)

    def _chosen(self, model: str, version: str) -> Served:
        deployment = self._switched_on(model)
        return deployment.served(version) if version else deployment.champion

    def _switched_on(self, model: str) -> Deployment:
        deployment = self._deployments.get(model)
        if not deployment.policies.routing.active:
            raise RefusedError(f"{model} is switched off at the moment", reason="off")
        return deployment

    def _target(
        self, deployment: Deployment, served: Served, *, exact: bool, then: Served | None = None
    ) -> Target:
        most = deployment.limits.max_body_kb * 1000
        return Target(served, most, exact, pair=served.ref.pair, then=then)


def _pair_of(predictor: Served) -> str:
    if not predictor.ref.pair:
        raise NotFoundError(f"{predictor.ref.model} takes no features any more")
    return predictor.ref.pair
