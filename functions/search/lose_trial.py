"""Keeps a trial whose function failed as a failed trial."""

from __future__ import annotations

from servery.edge.search_steps import observed
from servery.edge.steps import step
from servery.usecases.search.lose_trial import lose_trial
from servery.usecases.search.messages import LoseEvent, TrialOver
from servery.wiring import search as wiring


@step(LoseEvent)
@observed("lose_trial")
def handler(event: LoseEvent) -> TrialOver:
    """Keep what the Catch left as the reason."""
    return lose_trial(
        event, store=wiring.searches(), machine=wiring.machine(), clock=wiring.SystemClock()
    )
