"""The model in BentoML: as its manual begins, with its costs left out, and gathering requests."""

import os

import bentoml
import joblib
import numpy as np

QUIET = {
    "metrics": {"enabled": False},
    "logging": {"access": {"enabled": False}},
}


class _Loaded:
    def __init__(self):
        self.model = joblib.load(os.environ["MODEL_FILE"])


@bentoml.service
class Default(_Loaded):
    """All settings as they come."""

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows."""
        return self.model.predict_proba(rows)


@bentoml.service(**QUIET)
class Tuned(_Loaded):
    """Neither metrics nor a log of requests."""

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows."""
        return self.model.predict_proba(rows)


@bentoml.service(**QUIET)
class Gathering(_Loaded):
    """The same, and requests that come together are predicted together."""

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows."""
        return self.model.predict_proba(rows)
