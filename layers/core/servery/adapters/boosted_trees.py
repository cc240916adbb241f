"""What skl2onnx needs to export LightGBM and XGBoost: the converters of onnxmltools, put right.

See `exact_trees` for what is. XGBoost compares with 32 bits itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import is_classifier

from servery.adapters.estimator_classes import BOOSTING
from servery.adapters.exact_trees import ExactTrees

Untyped: TypeAlias = Any  # of the libraries
Converter: TypeAlias = Callable[[Untyped, Untyped, Untyped], None]


def register_boosting(estimator: object) -> None:
    """Tell skl2onnx how to convert an estimator, if it is one of LightGBM or XGBoost."""
    kind = type(estimator)
    packages = {each.__module__.partition(".")[0] for each in kind.__mro__}
    for package in sorted(packages & set(BOOSTING)):
        classifies = is_classifier(estimator)
        shapes = (
            calculate_linear_classifier_output_shapes
            if classifies
            else calculate_linear_regressor_output_shapes
        )
        options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
        update_registered_converter(
            kind,
            f"Servery{kind.__name__}",
            shapes,
            _exact(_lightgbm() if package == "lightgbm" else _xgboost()),
            options=options if classifies else {"split": None},
        )


def _exact(convert: Converter) -> Converter:
    def converter(scope: Untyped, operator: Untyped, container: Untyped) -> None:
        convert(scope, operator, ExactTrees(container))

    return converter


def _lightgbm() -> Converter:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import (  # noqa: PLC0415
        convert_lightgbm,
    )

    return convert_lightgbm  # type: ignore[no-any-return]


def _xgboost() -> Converter:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import (  # noqa: PLC0415
        convert_xgboost,
    )

    return convert_xgboost  # type: ignore[no-any-return]
