"""What a model says about itself in the words of the Open Inference Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.domain.datatypes import DATATYPE_OF
from servery.domain.manifest import Runtime
from servery.domain.signature import Task
from servery.edge.inference.features import FEATURES

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest, ModelRef
    from servery.domain.signature import Field, Output, Signature

_PLATFORM = {Runtime.ONNX: "onnx", Runtime.JOBLIB: "sklearn-joblib"}


def describe(ref: ModelRef, manifest: Manifest) -> dict[str, Any]:
    """Model metadata: name, versions, platform, inputs and outputs with datatypes and shapes.

    Beyond the protocol each tensor has `parameters`: unit, allowed range or categories, an
    example, the classes, the names of features; half of a pair says of which. A dimension of -1
    is the number of rows.
    """
    signature = manifest.signature
    return {
        "name": ref.model,
        "versions": [ref.version],
        "platform": _PLATFORM[ref.runtime],
        "inputs": [_input(field) for field in signature.inputs],
        "outputs": _outputs(signature),
        "parameters": {
            "task": signature.task,
            "owner": manifest.owner,
            "training": ref.training,
            "created": manifest.created,
            "digest": ref.digest,
            "metrics": manifest.metrics,
            "max_rows": manifest.limits.max_rows,
            "max_body_kb": manifest.limits.max_body_kb,
            **_pair(manifest),
        },
    }


def _pair(manifest: Manifest) -> dict[str, Any]:
    pair = manifest.pair
    if pair is None:
        return {}
    return {"pair": {"id": pair.id, "part": pair.part, "partner": pair.partner}}


def _input(field: Field) -> dict[str, Any]:
    said = {
        "dtype": field.dtype,
        "unit": field.unit,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "categories": field.categories,
        "nullable": field.nullable,
        "description": field.description or None,
        "example": field.example,
    }
    return {
        "name": field.name,
        "datatype": DATATYPE_OF[field.dtype],
        "shape": [-1],
        "parameters": {key: value for key, value in said.items() if value is not None},
    }


def _outputs(signature: Signature) -> list[dict[str, Any]]:
    output = signature.output
    if signature.task is Task.PREPROCESSING:
        names = list(output.features or [])
        return [_output(FEATURES, "FP32", [-1, len(names)], output, features=names)]
    if signature.task is Task.REGRESSION:
        return [_output("value", "FP32", [-1], output, unit=output.unit)]
    classes = list(output.classes or [])
    tensors = [_output("class", DATATYPE_OF[output.dtype], [-1], output, classes=classes)]
    if output.probabilities:
        shape = [-1, len(classes)]
        tensors.append(_output("probabilities", "FP32", shape, output, classes=classes))
    return tensors


def _output(
    name: str, datatype: str, shape: list[int], output: Output, **said: object
) -> dict[str, Any]:
    parameters = {"target": output.name, **said}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}
