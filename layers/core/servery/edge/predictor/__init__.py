"""The events of a model server: what it is asked, and an answer whatever happens."""

from servery.edge.predictor.server import ModelServer

__all__ = ["ModelServer"]
