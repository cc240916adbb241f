"""Chooses the winner."""

from __future__ import annotations

from servery.edge.search_steps import observed
from servery.edge.steps import step
from servery.usecases.search.choose import choose
from servery.usecases.search.messages import ChooseEvent, Chosen
from servery.wiring import search as wiring


@step(ChooseEvent)
@observed("choose")
def handler(event: ChooseEvent) -> Chosen:
    """Write the winner's spec, and hand on the state that trains it."""
    return choose(event, store=wiring.searches(), objects=wiring.object_store())
