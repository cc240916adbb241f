"""Pins the model of a batch and cuts its file into chunks."""

from __future__ import annotations

from servery.edge.batch_steps import observed
from servery.edge.steps import step
from servery.usecases.batch.messages import PlanEvent, Planned
from servery.usecases.batch.plan import plan
from servery.wiring import batch as wiring


@step(PlanEvent)
@observed("plan")
def handler(event: PlanEvent) -> Planned:
    """Write the layout and the chunks, and say where they are."""
    return plan(event, wiring.plan_ports())
