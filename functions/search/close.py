"""Records how the search ended."""

from __future__ import annotations

from servery.edge.search_steps import observed, tell_outcome
from servery.edge.steps import step
from servery.usecases.search.close import close
from servery.usecases.search.messages import Closed, CloseEvent
from servery.wiring import search as wiring


@step(CloseEvent)
@observed("close")
def handler(event: CloseEvent) -> Closed:
    """Keep the record and answer with how it ended."""
    closed = close(event, store=wiring.searches(), clock=wiring.SystemClock())
    tell_outcome(closed)
    return closed
