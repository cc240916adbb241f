"""Asks for the release of what a training made."""

from __future__ import annotations

from servery.edge.steps import step
from servery.usecases.registry.automatic import Started, Trained, release_trained
from servery.wiring import release as wiring


@step(Trained)
def handler(event: Trained) -> Started:
    """The state Release of a training."""
    return release_trained(
        event,
        registry=wiring.registry(),
        objects=wiring.object_store(),
        queue=wiring.release_queue(),
        clock=wiring.SystemClock(),
        entropy=wiring.entropy,
    )
