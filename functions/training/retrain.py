"""Starts a training for an alarm of the monitoring, where the model's spec wants that."""

from __future__ import annotations

from servery.domain.retrainings import Retrained
from servery.edge.steps import step
from servery.usecases.training.retrain import AlarmEvent, retrain
from servery.wiring import training as wiring


@step(AlarmEvent)
def handler(event: AlarmEvent) -> Retrained:
    """Decide about one alarm."""
    return retrain(event.detail, wiring.retrain_ports())
