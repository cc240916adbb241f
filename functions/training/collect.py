"""Reads the raw data, drops bad rows and counts them."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.collect import collect, describes
from servery.usecases.training.messages import Collected, CollectEvent
from servery.wiring import training as wiring


@step(CollectEvent)
@observed("collect")
def handler(event: CollectEvent) -> Collected:
    """Store the good rows under the digest of their content."""
    return wiring.steps().run(
        event,
        lambda store: collect(
            event,
            store=store,
            datasets=wiring.datasets_in(store),
            reader=wiring.table_reader,
            labelled=wiring.labelled,
        ),
        valid=lambda known: describes(known, event, store=wiring.object_store()),
    )
