"""The model server: which model answers, and its answers to one, to many, or to a whole file."""

from servery.usecases.predictor.answering import Answered, Asked, infer
from servery.usecases.predictor.shelf import Chosen, Pin, Shelf

__all__ = ["Answered", "Asked", "Chosen", "Pin", "Shelf", "infer"]
