"""Starts the batches that are due by schedule, or were accepted and not started."""

from __future__ import annotations

from servery.edge.batch_steps import SERVICE
from servery.edge.steps import step
from servery.edge.telemetry import log_error
from servery.errors import ServeryError
from servery.usecases.batch.start_due import StartedDue, Tick, start_due
from servery.wiring import batch as wiring


@step(Tick)
def handler(_event: Tick) -> StartedDue:
    """Look after every model."""

    def failed(model: str, error: ServeryError) -> None:
        log_error(error, request_id=model, route=SERVICE)

    return start_due(wiring.start_ports(), failed=failed)
