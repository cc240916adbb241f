"""What skl2onnx needs to export histogram gradient boosting exactly.

Cause of the failure: its converter hands the flags `nodes_missing_value_tracks_true` on as bools,
and protobuf 7 takes no bool for a whole number (the error prints every attribute, `base_values`
first, which is not the one that is wrong). Two more things are put right, since the proof on
held-out rows could miss them: its thresholds, see `exact_trees`; and it knows neither splits by
category nor the log link of some losses, which are refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from skl2onnx.common._registration import get_converter
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from servery.adapters.exact_trees import ExactTrees, down

_LOG_LINK = ("poisson", "gamma")

Untyped: TypeAlias = Any  # of skl2onnx and scikit-learn


def _thresholds(model: Untyped) -> list[np.float32]:
    """The thresholds in the converter's order: iterations, their trees, their nodes."""
    nodes = [node for trees in model._predictors for tree in trees for node in tree.nodes]  # noqa: SLF001
    if any(node["is_categorical"] for node in nodes):
        raise NotImplementedError("splits by category have no form in the converter")
    return [np.float32(0) if node["is_leaf"] else down(node["num_threshold"]) for node in nodes]


def _converter(alias: str) -> Callable[[Untyped, Untyped, Untyped], None]:
    def convert(scope: Untyped, operator: Untyped, container: Untyped) -> None:
        model = operator.raw_operator
        if getattr(model, "loss", "") in _LOG_LINK:
            raise NotImplementedError(f"the converter leaves out the log link of {model.loss}")
        get_converter(alias)(scope, operator, ExactTrees(container, _thresholds(model)))

    return convert


CONVERTERS = {
    HistGradientBoostingClassifier: _converter("SklearnHistGradientBoostingClassifier"),
    HistGradientBoostingRegressor: _converter("SklearnHistGradientBoostingRegressor"),
}
