"""Fits the pipeline."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.messages import Trained, TrainEvent
from servery.usecases.training.train import train
from servery.wiring import training as wiring


@step(TrainEvent)
@observed("train")
def handler(event: TrainEvent) -> Trained:
    """Fit the pipeline on the training rows and store it."""
    return wiring.steps().run(
        event,
        lambda store: train(
            event, store=store, datasets=wiring.datasets_in(store), trainer=wiring.trainer()
        ),
    )
