"""What the steps of trainings tell about themselves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from servery.edge.observed import observed as _observed
from servery.edge.telemetry import emit

if TYPE_CHECKING:
    from servery.usecases.training.messages import Recorded

_SERVICE = "training"

observed = partial(_observed, service=_SERVICE, identity="training_id", dimensions=("model",))


def tell_outcome(recorded: Recorded) -> None:
    """Count how a training ended, by model and version."""
    emit(
        _SERVICE,
        {f"Trainings{recorded.outcome.value.capitalize()}": (1, "Count")},
        {"model": recorded.model, "version": recorded.version},
        {"correlation_id": recorded.training_id, "failed_step": recorded.failed_step},
    )
