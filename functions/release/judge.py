"""Looks at a stage of a release, and judges it."""

from __future__ import annotations

from servery.edge.release import observed
from servery.edge.steps import step
from servery.usecases.release.messages import Progress, StateEvent
from servery.usecases.release.staging import judge_stage
from servery.wiring import release as wiring


@step(StateEvent)
@observed("judge")
def handler(event: StateEvent) -> Progress:
    """The state JudgeStage."""
    return judge_stage(event, wiring.record_ports(), wiring.judge())
