"""Makes a batch of a file that was dropped."""

from __future__ import annotations

from servery.edge.batch_steps import tell_start
from servery.edge.steps import step
from servery.usecases.batch.start import ObjectCreated, Started, start
from servery.wiring import batch as wiring


@step(ObjectCreated)
def handler(event: ObjectCreated) -> Started:
    """Start the batch over the file; when this raises, Lambda calls again, twice."""
    started = start(event, wiring.start_ports())
    tell_start(started, event.detail.object.key)
    return started
