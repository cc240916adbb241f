"""What skl2onnx needs to export histogram gradient boosting exactly.

Cause of the failure: its converter hands the flags `nodes_missing_value_tracks_true` on as bools,
and protobuf 7 takes no bool for a whole number (the error prints every attribute, `base_values`
first, which is not the one that is wrong). Two more things are put right here, since the proof on
held-out rows could miss them:

- scikit-learn compares with thresholds of 64 bits, ONNX with 32 bits. Rounded to the nearest, a
  threshold can reach the next value up and send it the other way; rounded down, no 32-bit value
  changes sides.
- The converter knows neither splits by category nor the log link of some losses. Both are
  refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from skl2onnx.common._registration import get_converter
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

_FLAGS = "nodes_missing_value_tracks_true"
_THRESHOLDS = "nodes_values"
_LOG_LINK = ("poisson", "gamma")

Untyped: TypeAlias = Any  # of skl2onnx and scikit-learn


class _ExactTrees:
    """A skl2onnx container that corrects the attributes of the trees passed to it."""

    def __init__(self, container: Untyped, thresholds: list[np.float32]) -> None:
        self._container = container
        self._thresholds = thresholds

    def __getattr__(self, name: str) -> Untyped:
        return getattr(self._container, name)

    def add_node(self, *positional: Untyped, **attributes: Untyped) -> Untyped:
        if _FLAGS in attributes:
            attributes[_FLAGS] = [int(flag) for flag in attributes[_FLAGS]]
            attributes[_THRESHOLDS] = np.array(self._thresholds, dtype=np.float32)
        return self._container.add_node(*positional, **attributes)


def _thresholds(model: Untyped) -> list[np.float32]:
    """The thresholds in the converter's order: iterations, their trees, their nodes."""
    nodes = [node for trees in model._predictors for tree in trees for node in tree.nodes]  # noqa: SLF001
    if any(node["is_categorical"] for node in nodes):
        raise NotImplementedError("splits by category have no form in the converter")
    return [np.float32(0) if node["is_leaf"] else _down(node["num_threshold"]) for node in nodes]


def _down(threshold: np.float64) -> np.float32:
    """The largest 32-bit float that is not above a threshold."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))


def _converter(alias: str) -> Callable[[Untyped, Untyped, Untyped], None]:
    def convert(scope: Untyped, operator: Untyped, container: Untyped) -> None:
        model = operator.raw_operator
        if getattr(model, "loss", "") in _LOG_LINK:
            raise NotImplementedError(f"the converter leaves out the log link of {model.loss}")
        get_converter(alias)(scope, operator, _ExactTrees(container, _thresholds(model)))

    return convert


CONVERTERS = {
    HistGradientBoostingClassifier: _converter("SklearnHistGradientBoostingClassifier"),
    HistGradientBoostingRegressor: _converter("SklearnHistGradientBoostingRegressor"),
}
