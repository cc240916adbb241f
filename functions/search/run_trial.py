"""Runs one trial."""

from __future__ import annotations

from servery.edge.search_steps import observed
from servery.edge.steps import step
from servery.usecases.search.messages import TrialEvent, TrialOver
from servery.usecases.search.run_trial import run_trial
from servery.wiring import search as wiring


@step(TrialEvent)
@observed("run_trial")
def handler(event: TrialEvent) -> TrialOver:
    """Cross-validate a candidate on the training rows and keep what came of it."""
    return run_trial(event, wiring.trial_ports())
