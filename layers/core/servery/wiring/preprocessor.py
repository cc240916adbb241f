"""The preprocessor: the server of the half of a pair that makes features."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import lean_model_servers
from servery.wiring.models import warm_server
from servery.wiring.settings import optional_setting

if TYPE_CHECKING:
    from servery.edge.predictor import ModelServer
    from servery.usecases.preprocessor import HandOn

__all__ = [
    "hand_on",
    "model_server",
]


@cache
def hand_on() -> HandOn:
    """What asks predictors; without boto3, whose client takes longer to make than a cold start."""
    from servery.usecases.preprocessor import HandOn

    return HandOn(lean_model_servers())


@cache
def model_server() -> ModelServer:
    """The model server of this function; a published one is ready to ask a predictor, too."""
    server = warm_server("preprocessor", hand_on=hand_on)
    if optional_setting("SERVERY_MODE"):
        hand_on()
    return server
