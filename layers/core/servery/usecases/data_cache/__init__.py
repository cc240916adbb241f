"""Answers that are kept: by version, and the last ones by whichever version."""

from servery.usecases.data_cache.flights import Flights
from servery.usecases.data_cache.last_known import LastAnswers
from servery.usecases.data_cache.models import CachedModels
from servery.usecases.data_cache.predictions import Figures, Predictions, Watch

__all__ = ["CachedModels", "Figures", "Flights", "LastAnswers", "Predictions", "Watch"]
