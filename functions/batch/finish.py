"""Proves that no row of a batch is missing, and closes it."""

from __future__ import annotations

from servery.edge.batch_steps import observed, tell_end
from servery.edge.steps import step
from servery.usecases.batch.finish import Finished, FinishEvent, finish
from servery.wiring import batch as wiring


@step(FinishEvent)
@observed("finish")
def handler(event: FinishEvent) -> Finished:
    """Write what belongs to the outputs, and record the end."""
    finished = finish(event, wiring.finish_ports())
    tell_end(finished.batch, finished.state, finished.reason)
    return finished
