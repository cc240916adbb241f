"""Evaluates the versions that are served by the labels that came."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.monitoring.evaluating_all import Evaluated, EvaluateEvent, evaluate_all
from servery.wiring import monitoring as wiring


@step(EvaluateEvent)
def handler(event: EvaluateEvent) -> Evaluated:
    """Look at one model, or at all of them."""
    return evaluate_all(event, wiring.evaluation_ports())
