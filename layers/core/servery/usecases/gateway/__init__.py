"""The synchronous predict surface: who answers for a model, and asking it within a deadline."""

from servery.usecases.gateway.gateway import Ask, Gateway, ModelReady, Prediction, Target

__all__ = ["Ask", "Gateway", "ModelReady", "Prediction", "Target"]
