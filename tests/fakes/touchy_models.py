"""Real small models that do not like certain values, and count their calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes.clock import SetClock
from fakes.tiny_models import MemoryArtifacts, add_model
from numpy.typing import NDArray
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import Manifest, Runtime
from servery.edge.inference import Codec
from servery.errors import InvalidInputError
from servery.ports import ModelRuntime
from servery.usecases.predictor import Pin, Shelf

POISON = 13.0
"""Refused by the model."""
HOLLOW = 14.0
"""Answered with nan."""
BOMB = 15.0
"""An error that nobody expects."""


class TouchyRuntime:
    """A real runtime that counts its calls, and does not like certain values."""

    def __init__(self, runtime: ModelRuntime) -> None:
        self._runtime = runtime
        self.rows: list[int] = []

    def predict(
        self, numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating] | None]:
        assert numeric is not None
        self.rows.append(len(numeric))
        if (numeric == POISON).any():
            raise InvalidInputError("the model refuses a value that it was not made for")
        if (numeric == BOMB).any():
            raise ZeroDivisionError("s3cret")
        answers, scores = self._runtime.predict(numeric, text)
        if scores is not None:
            scores = scores.copy()
            scores[(numeric == HOLLOW).any(axis=1)] = np.nan
        return answers, scores


class TouchyShelf:
    """A shelf with one model on it.

    Attributes:
        ref: The model.
        shelf: Where it is loaded.
        runtimes: What was loaded, the first call of each being the recorded sample.
    """

    def __init__(self, **manifest: Any) -> None:
        artifacts = MemoryArtifacts()
        self.ref = add_model(artifacts, **manifest)
        self.runtimes: list[TouchyRuntime] = []
        loader = ModelLoader(artifacts, self._runtime, Codec)
        self.shelf = Shelf(loader.load, Pin("shapes", Runtime.ONNX), SetClock())

    def _runtime(self, runtime: Runtime, content: bytes, manifest: Manifest) -> TouchyRuntime:
        self.runtimes.append(TouchyRuntime(load_runtime(runtime, content, manifest)))
        return self.runtimes[-1]
