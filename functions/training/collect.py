"""Reads the raw data, drops bad rows and counts them."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.collect import collect
from servery.usecases.training.messages import Collected, CollectEvent
from servery.wiring import training as wiring


@step(CollectEvent)
@observed("collect")
def handler(event: CollectEvent) -> Collected:
    """Store the good rows under the digest of their content."""
    return collect(
        event,
        store=wiring.object_store(),
        datasets=wiring.datasets(),
        reader=wiring.table_reader,
    )
