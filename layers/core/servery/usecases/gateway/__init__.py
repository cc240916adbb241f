"""The synchronous predict surface: who answers for a model, and asking it within a deadline."""

from servery.usecases.gateway.gateway import Gateway
from servery.usecases.gateway.guards import Guards
from servery.usecases.gateway.messages import Ask, ModelReady, Prediction, Target

__all__ = ["Ask", "Gateway", "Guards", "ModelReady", "Prediction", "Target"]
