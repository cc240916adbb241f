"""Holds a version against its bounds and against the champion."""

from __future__ import annotations

from servery.edge.release import observed
from servery.edge.steps import step
from servery.usecases.release.gating import gate
from servery.usecases.release.messages import Progress, StateEvent
from servery.wiring import release as wiring


@step(StateEvent)
@observed("gate")
def handler(event: StateEvent) -> Progress:
    """The state Gate."""
    return gate(event, wiring.record_ports(), wiring.held_out())
