"""The two halves of a pair as one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.ports import ModelRuntime


class Composition:
    """A `ModelRuntime`: the preprocessor, and what the predictor makes of its features."""

    def __init__(self, preprocessor: ModelRuntime, predictor: ModelRuntime) -> None:
        self._preprocessor = preprocessor
        self._predictor = predictor

    def predict(
        self, numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating] | None]:
        """Predict rows; see `ModelRuntime`."""
        features, _ = self._preprocessor.predict(numeric, text)
        return self._predictor.predict(np.asarray(features, dtype=np.float32), None)
