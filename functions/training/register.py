"""Stores the artifact under its version and enters it in the registry."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.messages import Registered, RegisterEvent
from servery.usecases.training.register import confirm, register
from servery.wiring import training as wiring


@step(RegisterEvent)
@observed("register")
def handler(event: RegisterEvent) -> Registered:
    """Make the training a version's trN."""
    registry, clock = wiring.registry(), wiring.SystemClock()
    return wiring.steps().run(
        event,
        lambda store: register(
            event, store=store, registry=registry, clock=clock, code=wiring.training_code()
        ),
        valid=lambda known: confirm(known, event, registry=registry, clock=clock),
    )
