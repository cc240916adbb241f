"""How classes of this package are converted to ONNX; importing it registers that with skl2onnx."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType

from own_models.clipping import QuantileClipper


def _clipped_shape(operator: Any) -> None:  # noqa: ANN401 - untyped library
    rows, columns = operator.inputs[0].type.shape
    operator.outputs[0].type = FloatTensorType([rows, columns])


def _convert_clipper(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
    clipper, values = operator.raw_operator, operator.inputs[0].full_name
    for bound, kind, last in ((clipper.low_, "Max", False), (clipper.high_, "Min", True)):
        name = scope.get_unique_variable_name("bound")
        columns = [len(bound)]
        container.add_initializer(name, TensorProto.FLOAT, columns, bound.astype(np.float32))
        result = scope.get_unique_variable_name("clipped")
        if last:
            result = operator.outputs[0].full_name
        container.add_node(kind, [values, name], result, op_version=13)
        values = result


update_registered_converter(
    QuantileClipper, "OwnModelsQuantileClipper", _clipped_shape, _convert_clipper
)
