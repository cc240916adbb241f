"""States of a release that change records only: who has which share of the traffic."""

from __future__ import annotations

from servery.edge.release import observed
from servery.edge.steps import step
from servery.usecases.release import route
from servery.usecases.release.messages import Progress, StateEvent
from servery.wiring import release as wiring


@step(StateEvent)
@observed("route")
def handler(event: StateEvent) -> Progress:
    """One state."""
    return route(event, wiring.record_ports())
