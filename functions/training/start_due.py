"""Starts the trainings that are due."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.training.start_due import StartedDue, Tick, start_due
from servery.wiring import training as wiring


@step(Tick)
def handler(_event: Tick) -> StartedDue:
    """Look at every model with a schedule."""
    return start_due(
        registry=wiring.registry(),
        queue=wiring.training_queue(),
        pipelines=wiring.pipeline_queue(),
        clock=wiring.SystemClock(),
    )
