"""Outliers, brought back to where most values are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class QuantileClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clips each column to two quantiles of the rows it was fitted to (winsorizing).

    It is exported to ONNX: `onnx_converters` has its converter.

    Args:
        lower: Quantile of the lowest value that is left as it is, 0 to 1.
        upper: That of the highest.

    Attributes:
        low_: Lowest value of each column, float32.
        high_: Highest value of each column, float32.
    """

    def __init__(self, lower: float = 0.01, upper: float = 0.99) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, X: Any, y: Any = None) -> QuantileClipper:  # noqa: ANN401, ARG002, N803
        """Find the quantiles; a missing value counts for nothing."""
        if not 0 <= self.lower < self.upper <= 1:
            raise ValueError(f"lower {self.lower} and upper {self.upper} are no two quantiles")
        values = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        self.low_, self.high_ = np.nanquantile(
            values, [self.lower, self.upper], axis=0, method="nearest"
        ).astype(np.float32)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: ANN401, N803
        """Clip rows; what is missing stays so."""
        check_is_fitted(self)
        values = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        clipped: NDArray[np.float32] = np.clip(values, self.low_, self.high_)
        return clipped

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
