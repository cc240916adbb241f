"""The synchronous predict surface: who answers for a model, and asking it within a deadline."""

from servery.usecases.gateway.deployments import Deployments
from servery.usecases.gateway.gateway import Ask, Gateway, ModelReady, Prediction, Target

__all__ = ["Ask", "Deployments", "Gateway", "ModelReady", "Prediction", "Target"]
