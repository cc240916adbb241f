"""Stores the artifact under its version and enters it in the registry."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.messages import Registered, RegisterEvent
from servery.usecases.training.register import register
from servery.wiring import training as wiring


@step(RegisterEvent)
@observed("register")
def handler(event: RegisterEvent) -> Registered:
    """Make the training a version's trN."""
    return register(
        event,
        store=wiring.object_store(),
        registry=wiring.registry(),
        clock=wiring.SystemClock(),
        code=wiring.training_code(),
    )
