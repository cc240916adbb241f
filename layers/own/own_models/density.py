"""How usual a row is among those of the training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data


class RowDensity(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Adds a column: the logarithm of the density of the training rows around a row.

    The density is that of a tree of all training rows, for which ONNX has no operator: a pipeline
    with it is served by joblib.

    Args:
        bandwidth: Of the kernel, in standard deviations of a column.
    """

    def __init__(self, bandwidth: float = 1.0) -> None:
        self.bandwidth = bandwidth

    def fit(self, X: Any, y: Any = None) -> RowDensity:  # noqa: ANN401, ARG002, N803
        """Keep the rows."""
        values = validate_data(self, X, dtype=np.float64)
        self.scaler_ = StandardScaler().fit(values)
        density = KernelDensity(bandwidth=self.bandwidth, rtol=1e-6)
        self.density_ = density.fit(self.scaler_.transform(values))
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401, N803
        """The columns as they are, and the logarithm of the density."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        density = self.density_.score_samples(self.scaler_.transform(values))
        return np.column_stack([values, density])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ANN401
        """Names of the columns, and `density`."""
        check_is_fitted(self)
        names = input_features
        if names is None:
            names = [f"x{place}" for place in range(self.n_features_in_)]
        return np.array([*names, "density"], dtype=object)
