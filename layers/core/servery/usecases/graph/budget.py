"""A2 for graphs: who asks one and waits cannot be answered by a model that is too much for that."""

from __future__ import annotations

from collections.abc import Callable

from servery.domain.deployment import Deployment
from servery.domain.online_budget import check_online
from servery.errors import NotFoundError, RetryableError
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.plans import Plan


def check_budgets(plan: Plan, deployment: Callable[[str], Deployment]) -> None:
    """Let pass only a graph all of whose models take synchronous traffic.

    A model of which nobody knows who answers is left to the step that asks it.

    Args:
        plan: The graph.
        deployment: Who answers for a model; raises where nobody knows.

    Raises:
        OnlineBudgetError: one does not; the way out is a job of the graph.
    """
    for hop in (hop for step in plan.steps for hop in step.hops):
        for model, version in _asked(hop):
            try:
                found = deployment(model)
                served = found.served(version) if version else found.champion
            except (NotFoundError, RetryableError):
                continue
            check_online(found, served, graph=plan.record.spec.name)


def _asked(hop: ModelHop) -> list[tuple[str, str]]:
    """The models of a hop with the version of each, empty for the champion."""
    partner = hop.partner
    return [(hop.model, hop.version), *([(partner.model, partner.version)] if partner else [])]
