"""Measures the model on held-out rows and judges it by its gates."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.evaluate import evaluate
from servery.usecases.training.messages import Evaluated, EvaluateEvent
from servery.wiring import training as wiring


@step(EvaluateEvent)
@observed("evaluate")
def handler(event: EvaluateEvent) -> Evaluated:
    """Compute the metrics of the runtime that will serve, and ask the gates."""
    return wiring.steps().run(
        event,
        lambda store: evaluate(
            event, store=store, datasets=wiring.datasets_in(store), load=wiring.runtime_loader
        ),
    )
