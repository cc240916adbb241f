"""Proposes the trials of the next round."""

from __future__ import annotations

from servery.edge.search_steps import observed
from servery.edge.steps import step
from servery.usecases.search.messages import ProposeEvent, Round
from servery.usecases.search.propose import propose
from servery.wiring import search as wiring


@step(ProposeEvent)
@observed("propose")
def handler(event: ProposeEvent) -> Round:
    """Take in what the last round told, and write the next one."""
    return propose(event, wiring.propose_ports())
