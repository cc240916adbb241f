"""Closes releases that nobody carries on."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.release.sweeping import Swept, Tick, sweep
from servery.wiring import release as wiring


@step(Tick)
def handler(_event: Tick) -> Swept:
    """Look at every model."""
    return sweep(wiring.sweep_ports())
