"""What of a request to a graph is about persons, and so no part of the prediction log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from servery.domain.deployment import Deployment
from servery.errors import ServeryError
from servery.usecases.graph.plans import Plan


def unlogged(
    plan: Plan, deployment: Callable[[str], Deployment], *, steps: bool = False
) -> Sequence[str]:
    """What the prediction log leaves out, since it is about persons for one of the models.

    Where an input is, the answers of steps are left out with it: they can repeat it.

    Args:
        plan: The graph.
        deployment: Who answers for a model; raises where nobody knows.
        steps: Whether the answer has those of each step.
    """
    left: set[str] = set()
    for model in plan.models:
        try:
            found = deployment(model)
        except ServeryError:  # one that is not released any more included: nobody knows
            return ("input", "output")
        for served in found.serving():
            left |= set(served.unlogged)
    # Looked-up columns and features say what the input does, as the answer or within it.
    repeats = any(step.step.lookup or step.step.preprocessor for step in plan.steps)
    if "input" in left and (steps or repeats):
        left.add("output")
    return sorted(left)
