"""Records how the training ended."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed, tell_outcome
from servery.usecases.training.messages import Recorded, RecordEvent
from servery.usecases.training.record import record
from servery.wiring import training as wiring


@step(RecordEvent)
@observed("record")
def handler(event: RecordEvent) -> Recorded:
    """Keep the record and answer with it."""
    recorded = record(
        event,
        registry=wiring.registry(),
        store=wiring.object_store(),
        clock=wiring.SystemClock(),
    )
    tell_outcome(recorded)
    return recorded
