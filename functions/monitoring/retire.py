"""Retires versions that evidence speaks against, step by step."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.registry.retire_due import RetireEvent, RetireReport, retire_due
from servery.wiring import monitoring as wiring


@step(RetireEvent)
def handler(event: RetireEvent) -> RetireReport:
    """Look at one model, or at all of them."""
    return retire_due(event, wiring.retire_ports(), wiring.removal())
