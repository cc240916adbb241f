"""Says where the train step goes: into its Lambda, or to AWS Batch."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.place import Placed, PlaceEvent, place
from servery.wiring import training as wiring


@step(PlaceEvent)
@observed("place")
def handler(event: PlaceEvent) -> Placed:
    """Compare the rows with the limit of the spec, and look whether the work was done before."""
    return place(
        event,
        store=wiring.object_store(),
        kept=wiring.train_kept,
        has_batch=wiring.has_batch(),
    )
