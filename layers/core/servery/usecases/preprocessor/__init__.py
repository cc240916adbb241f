"""The preprocessor's server: what it does beyond answering, which is as the predictor's."""

from servery.usecases.preprocessor.handing_on import Features, HandOn, check_mate, prepare

__all__ = ["Features", "HandOn", "check_mate", "prepare"]
