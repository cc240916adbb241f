"""Splits the data and describes it."""

from __future__ import annotations

from servery.edge.steps import step
from servery.edge.training import observed
from servery.usecases.training.messages import Preprocessed, PreprocessEvent
from servery.usecases.training.preprocess import preprocess
from servery.wiring import training as wiring


@step(PreprocessEvent)
@observed("preprocess")
def handler(event: PreprocessEvent) -> Preprocessed:
    """Store training and test rows apart, with the baseline."""
    return wiring.steps().run(
        event, lambda store: preprocess(event, store=store, datasets=wiring.datasets_in(store))
    )
