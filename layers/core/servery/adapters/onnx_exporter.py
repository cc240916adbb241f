"""Compiles fitted scikit-learn pipelines to ONNX."""

from __future__ import annotations

import importlib
import io
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import joblib
import onnx
import onnxruntime
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.onnx_optimisation_identity import onnx_remove_node_identity

from servery.adapters.boosted_trees import register_boosting
from servery.adapters.forest_blocks import divide
from servery.adapters.hist_gradient_boosting import CONVERTERS
from servery.adapters.onnx_cutter import mark_features
from servery.domain.digest import check_digest
from servery.domain.own_classes import own_packages
from servery.domain.signature import Task
from servery.errors import RejectedError

if TYPE_CHECKING:
    from servery.domain.signature import Signature


def export(content: bytes, *, digest: str, signature: Signature) -> tuple[bytes, ...]:
    """The ONNX graphs of a pipeline, the one to be tried first ahead.

    A large forest has two: in blocks, which are faster, and as it was converted. Inputs are
    `numeric` (float32) and `text` (string), whichever the signature has; outputs the label or
    value, then the probabilities. Each says which of its tensors has the features, so that it
    can be cut there.

    Args:
        content: The joblib file.
        digest: The SHA-256 that the training recorded; compared before anything is unpickled.
        signature: What the pipeline takes and gives.

    Raises:
        ArtifactError: the bytes are not the recorded ones.
        RejectedError: the pipeline has no ONNX form; the sentence says why.
    """
    check_digest(content, digest, "the model file")
    pipeline = joblib.load(io.BytesIO(content))
    inputs: list[tuple[str, Any]] = []
    if signature.numeric:
        inputs.append(("numeric", FloatTensorType([None, len(signature.numeric)])))
    if signature.text:
        inputs.append(("text", StringTensorType([None, len(signature.text)])))
    options = None
    if signature.task is Task.CLASSIFICATION:
        options = {id(pipeline.steps[-1][1]): {"zipmap": False}}
    try:
        _register(pipeline.steps[-1][1])
        converted, topology = skl2onnx.convert_sklearn(
            pipeline,
            initial_types=inputs,
            options=options,
            custom_conversion_functions=CONVERTERS,
            intermediate=True,
        )
        graph = onnx_remove_node_identity(converted)
    except Exception as error:  # the converters raise whatever they like
        raise RejectedError(f"{type(error).__name__}: {_first_sentence(error)}") from error
    mark_features(graph, converted, _features(topology, pipeline.steps[-1][1]))
    divided = divide(graph)
    graphs = [graph] if divided is None else [divided, graph]
    return tuple(bytes(each.SerializeToString()) for each in graphs)


def _register(estimator: Any) -> None:  # noqa: ANN401 - untyped library
    """Tell skl2onnx what it does not know by itself.

    A package of the user's own says how its classes are converted in its `onnx_converters`, which
    register themselves when they are imported.
    """
    register_boosting(estimator)
    for package in sorted(own_packages() & sys.modules.keys()):  # unpickling has imported them
        if find_spec(f"{package}.onnx_converters") is not None:
            importlib.import_module(f"{package}.onnx_converters")


def _features(topology: Any, estimator: Any) -> str:  # noqa: ANN401 - untyped library
    """Name of the tensor that the estimator takes; empty where that is not one."""
    operators = [o for scope in topology.scopes for o in scope.operators.values()]
    taken = [o.inputs for o in operators if o.raw_operator is estimator]
    return str(taken[0][0].onnx_name) if len(taken) == 1 and len(taken[0]) == 1 else ""


def export_libraries() -> dict[str, str]:
    """Versions of what an export depends on."""
    return {
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "skl2onnx": skl2onnx.__version__,
    }


def _first_sentence(error: Exception, most: int = 300) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:most] if lines else "without a message"
