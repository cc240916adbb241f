"""Cuts an exported pipeline in two at its features: a preprocessor and a predictor.

Both halves are parts of the one graph, with its very nodes and constants, so that the one after
the other they compute what it computes, in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime
from onnx import TensorProto, helper

from servery.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARK = "servery.features"
_GIVEN = "servery_features"
_TAKEN = "numeric"
_FLOAT = "tensor(float)"
_LONGEST_SENTENCE = 300
# Whole numbers up to 2**24 are float32 as they are; codes and indicators are small.
_NUMBERS = {
    _FLOAT: TensorProto.FLOAT,
    "tensor(bool)": TensorProto.BOOL,
    "tensor(int32)": TensorProto.INT32,
    "tensor(int64)": TensorProto.INT64,
}


def mark_features(graph: onnx.ModelProto, converted: onnx.ModelProto, tensor: str) -> None:
    """Write into a graph which of its tensors has the features, where that can be told.

    Args:
        graph: Without identities; changed.
        converted: The same graph as the converter left it, with identities.
        tensor: Name of the features' tensor in `converted`; empty where it is not known.
    """
    same = {n.output[0]: n.input[0] for n in converted.graph.node if n.op_type == "Identity"}
    known = {i.name for i in graph.graph.input}
    known.update(name for node in graph.graph.node for name in node.output)
    while tensor not in known and tensor in same:
        tensor = same[tensor]
    if tensor in known:
        helper.set_model_props(graph, {_MARK: tensor})


def cut(content: bytes, *, features: int) -> tuple[bytes, bytes]:
    """The preprocessor and the predictor of an exported graph.

    The preprocessor takes what the graph takes and gives float32 of shape (rows, features); the
    predictor takes that under the name `numeric` and gives what the graph gives. The same graph
    is always cut into the same bytes.

    Args:
        content: The graph, as the exporter made it.
        features: How many there are.

    Raises:
        RejectedError: it cannot be cut; the sentence says why.
    """
    model = onnx.load_from_string(content)
    tensor = {prop.key: prop.value for prop in model.metadata_props}.get(_MARK, "")
    if not tensor or model.functions or model.graph.sparse_initializer:
        raise RejectedError("the features are no tensor of the exported graph")
    before = _reaching(model, [tensor], [])
    after = _reaching(model, [output.name for output in model.graph.output], [tensor])
    if _missing(model, after) - {tensor}:
        raise RejectedError("the estimator takes more than the features")
    kind = _kind(model, before, tensor)
    given = _passed(kind, tensor, _GIVEN, to=TensorProto.FLOAT)
    preprocessor = _part(model, "preprocessor", [*before, given])
    preprocessor.graph.input.extend(model.graph.input)
    preprocessor.graph.output.append(_matrix(_GIVEN, features))
    taken = _passed(kind, _TAKEN, tensor, to=_NUMBERS[kind])
    front = [] if tensor == _TAKEN else [taken]
    predictor = _part(model, "predictor", [*front, *after])
    predictor.graph.input.append(_matrix(_TAKEN, features))
    predictor.graph.output.extend(model.graph.output)
    return _bytes(preprocessor), _bytes(predictor)


def _reaching(model: Any, ends: list[str], starts: list[str]) -> list[Any]:  # noqa: ANN401
    """The nodes that some tensors are computed with, in order, back to where others are given."""
    wanted, found = set(ends), []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output).difference(starts):
            found.append(node)
            wanted.update(_read(node))
    return found[::-1]


def _read(node: Any) -> Iterable[str]:  # noqa: ANN401 - untyped library
    """What a node reads, and what the graphs within it read."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            for inner in graph.node:
                yield from _read(inner)


def _missing(model: Any, nodes: list[Any]) -> set[str]:  # noqa: ANN401 - untyped library
    """What some nodes read of the rest of the graph, its inputs among it."""
    given = {i.name for i in model.graph.input}
    given.update(name for node in model.graph.node for name in node.output)
    read = {name for node in nodes for name in _read(node)}
    return (read & given) - {name for node in nodes for name in node.output}


def _kind(model: Any, nodes: list[Any], tensor: str) -> str:  # noqa: ANN401 - untyped library
    """The type of the features, as the runtime finds it."""
    part = _part(model, "features", [*nodes, helper.make_node("Identity", [tensor], [_GIVEN])])
    part.graph.input.extend(model.graph.input)
    part.graph.output.append(helper.make_empty_tensor_value_info(_GIVEN))
    try:
        session = onnxruntime.InferenceSession(
            part.SerializeToString(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own, which have no common root
        told = str(error)[:_LONGEST_SENTENCE]
        raise RejectedError(f"what comes before the estimator does not load ({told})") from error
    found = str(session.get_outputs()[0].type)
    if found not in _NUMBERS:
        raise RejectedError(f"the features are {found}, and only numbers of 32 bits travel")
    return found


def _passed(kind: str, source: str, name: str, *, to: int) -> Any:  # noqa: ANN401 - untyped library
    """What gives features of some type as those of another, or as they are."""
    if kind == _FLOAT:
        return helper.make_node("Identity", [source], [name])
    return helper.make_node("Cast", [source], [name], to=to)


def _part(model: Any, name: str, nodes: list[Any]) -> Any:  # noqa: ANN401 - untyped library
    """Some nodes of a graph with the constants that they read; without inputs and outputs."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.metadata_props[:]
    part.graph.Clear()
    part.graph.name = name
    part.graph.node.extend(nodes)
    read = {source for node in nodes for source in _read(node)}
    part.graph.initializer.extend(c for c in model.graph.initializer if c.name in read)
    return part


def _bytes(half: Any) -> bytes:  # noqa: ANN401 - untyped library
    return bytes(half.SerializeToString(deterministic=True))


def _matrix(name: str, features: int) -> Any:  # noqa: ANN401 - untyped library
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, features])
