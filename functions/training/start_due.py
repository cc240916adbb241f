"""Starts the trainings that are due."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.training.start_due import StartedDue, Tick, start_due
from servery.wiring import training as wiring


@step(Tick)
def handler(event: Tick) -> StartedDue:  # noqa: ARG001 - the time is the clock's
    """Look at every model with a schedule."""
    return start_due(
        registry=wiring.registry(), queue=wiring.training_queue(), clock=wiring.SystemClock()
    )
