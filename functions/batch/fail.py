"""Records why a batch failed."""

from __future__ import annotations

from servery.edge.batch_steps import observed, tell_end
from servery.edge.steps import step
from servery.usecases.batch.fail import FailedBatch, FailEvent, fail
from servery.wiring import batch as wiring


@step(FailEvent)
@observed("fail")
def handler(event: FailEvent) -> FailedBatch:
    """Keep the reason and tell the event bus."""
    failed = fail(
        event,
        store=wiring.batches(),
        events=wiring.batch_events(),
        clock=wiring.SystemClock(),
    )
    tell_end(failed.batch, failed.state, failed.reason)
    return failed
