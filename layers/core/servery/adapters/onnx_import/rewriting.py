"""Writes a foreign graph anew: our inputs, the answer first, and every width made sure of.

What comes out is made of the operators and numbers that were looked at, and of nothing else of the
file: no names of files, no texts, no metadata, no shapes that somebody claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from servery.adapters.onnx_import.attributes import Attributes
from servery.adapters.onnx_import.bounds import width_of
from servery.adapters.onnx_import.feeding import feed
from servery.adapters.onnx_import.reading import messages_of, nodes_of
from servery.errors import UnsupportedMediaError

if TYPE_CHECKING:
    from servery.domain.spec import Column

_WHOLE = {TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.STRING}
_NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE}
_CLASSIFIERS = ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")
_MATRIX = 2


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A graph as a model server takes it.

    Attributes:
        content: The file.
        classifies: Whether the answer is a class.
        scored: Whether there is a number for each class behind it.
        labels: The classes that the graph names, in the order of the numbers; empty where it
            names none, or more than one list of them.
    """

    content: bytes
    classifies: bool
    scored: bool
    labels: list[Any]


def rewrite(model: onnx.ModelProto, inputs: list[Column]) -> Rewritten:
    """Write a graph anew that `read_graph` has let pass.

    Args:
        model: The foreign model.
        inputs: The features of the sample, in its order.

    Raises:
        UnsupportedMediaError: its inputs are not those of the sample, or its outputs are no
            answer to a row.
    """
    labels = _labels(model.graph)
    nodes = [node for node in model.graph.node if node.op_type != "ZipMap"]
    unzipped = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "ZipMap"}
    if any(name in unzipped for node in nodes for name in node.input):
        raise UnsupportedMediaError("the ONNX model goes on with a map of its classes")
    answer, scores = _outputs(model.graph, unzipped)
    given, ahead = feed(model.graph, inputs)
    widths = {each.name: _width(each) for each in given}
    widths |= {n.output[0]: widths[n.input[0]] for n in ahead if n.op_type == "Identity"}
    graph = helper.make_graph(
        [*ahead, *_bounded(nodes, widths)],
        "imported",
        given,
        [_plain(answer)] + ([_plain(scores)] if scores is not None else []),
        initializer=list(model.graph.initializer),
    )
    made = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    _strip(made)
    classifies = answer.type.tensor_type.elem_type in _WHOLE
    return Rewritten(bytes(made.SerializeToString()), classifies, scores is not None, labels)


def _labels(graph: onnx.GraphProto) -> list[Any]:
    """The classes that the graph names, where it names one list of them."""
    zipped = [Attributes(n).labels() for n in graph.node if n.op_type == "ZipMap"]
    found = zipped or [Attributes(n).labels() for n in nodes_of(graph) if n.op_type in _CLASSIFIERS]
    different = [labels for n, labels in enumerate(found) if labels and labels not in found[:n]]
    return different[0] if len(different) == 1 else []


def _outputs(
    graph: onnx.GraphProto, unzipped: dict[str, str]
) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto | None]:
    """The answer, and the probabilities where the answer is a class and there are some."""
    found = []
    for output in graph.output:
        made = onnx.ValueInfoProto()
        made.CopyFrom(output)
        if output.name in unzipped:
            made = helper.make_tensor_value_info(
                unzipped[output.name], TensorProto.FLOAT, [None, None]
            )
        found.append(made)
    kinds = [each.type.tensor_type.elem_type for each in found]
    classes = [each for each, kind in zip(found, kinds, strict=True) if kind in _WHOLE]
    numbers = [each for each, kind in zip(found, kinds, strict=True) if kind in _NUMBERS]
    if len(classes) == 1 and len(numbers) <= 1:
        return classes[0], numbers[0] if numbers else None
    if not classes and len(numbers) == 1 and _width(numbers[0]) in (None, 1):
        return numbers[0], None
    told = ", ".join(f"{each.name[:60]!r}" for each in found)
    raise UnsupportedMediaError(
        f"the outputs of the ONNX model are {told}; an import gives the class of each row and, if "
        "it likes, a number for each class, or one number for each row"
    )


def _width(output: onnx.ValueInfoProto) -> int | None:
    dims = _dims(output)
    return dims[1] if len(dims) == _MATRIX else None


def _dims(value: onnx.ValueInfoProto) -> list[int | None]:
    return [
        d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim
    ]


def _bounded(nodes: list[onnx.NodeProto], widths: dict[str, int | None]) -> list[onnx.NodeProto]:
    """The nodes; ahead of each that reads a fixed width, a step that fails where there is less."""
    done: list[onnx.NodeProto] = []
    for number, node in enumerate(nodes):
        width = width_of(node) if node.domain == "ai.onnx.ml" else None
        if width is not None and widths.get(node.input[0]) != width:
            places, taken = f"servery_columns_{number}", f"servery_taken_{number}"
            columns = helper.make_tensor(places, TensorProto.INT64, [width], list(range(width)))
            done.append(helper.make_node("Constant", [], [places], value=columns))
            done.append(helper.make_node("Gather", [node.input[0], places], [taken], axis=1))
            bounded = onnx.NodeProto()
            bounded.CopyFrom(node)
            bounded.input[0] = taken
            node = bounded  # noqa: PLW2901 - the same node, made sure of
        done.append(node)
    return done


def _plain(output: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """An output without the shape that the file claims."""
    return helper.make_tensor_value_info(output.name, output.type.tensor_type.elem_type, None)


def _strip(model: onnx.ModelProto) -> None:
    """Leave out every text that no operator reads, and every shape that the file claims."""
    for message, _ in messages_of(model.graph, 0):
        for name in ("doc_string", "metadata_props", "device_configurations"):
            if name in message.DESCRIPTOR.fields_by_name:
                message.ClearField(name)
        if isinstance(message, onnx.GraphProto):
            message.ClearField("value_info")
        if isinstance(message, onnx.NodeProto):
            message.ClearField("name")
