"""Reads a foreign ONNX file as the data that it is, and lets only what is known pass.

The protobuf parser reads bytes and does nothing else: no operator is run, no other file is opened.
What passes has operators of the standard and of its machine-learning part only, all of its data
inside, and nothing that repeats without a bound or answers at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message

from servery.adapters.onnx_import.bounds import width_of
from servery.errors import MalformedError, UnsupportedMediaError

STANDARD = ("", "ai.onnx")
DOMAINS = {*STANDARD, "ai.onnx.ml"}
"""The only operator sets of an import; a set of anybody's own is code somewhere."""
_OLDEST = 7  # of the standard set: what came before has other rules for shapes
_MOST_NODES = 100_000
_MOST_ELEMENTS = 250_000_000
_DEEPEST = 20
_REFUSED = {
    "Loop": "repeats as often as it likes",
    "Bernoulli": "answers at random",
    "Multinomial": "answers at random",
    "RandomNormal": "answers at random",
    "RandomNormalLike": "answers at random",
    "RandomUniform": "answers at random",
    "RandomUniformLike": "answers at random",
}


def read_graph(content: bytes) -> onnx.ModelProto:
    """The model in a file, once every part of it has been looked at.

    Raises:
        MalformedError: the bytes are no ONNX model.
        UnsupportedMediaError: it has operators that are not of the standard, data in other files,
            functions of its own, or something that is refused; the sentence names it.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError) as error:
        raise MalformedError("the model file is no ONNX model, or is cut short") from error
    model.DiscardUnknownFields()  # a newer reader than this one would know them
    if not model.HasField("graph") or not model.graph.node:
        raise MalformedError("the ONNX model has no graph")
    _check_sets(model)
    if model.functions or model.training_info:
        what = "functions of its own" if model.functions else "steps of a training"
        raise UnsupportedMediaError(
            f"the ONNX model has {what}; inline and export it for inference, then import that"
        )
    for message, depth in messages_of(model, 0):
        if depth > _DEEPEST:
            raise UnsupportedMediaError("the ONNX model is nested too deeply")
        _check_tensor(message)
    _check_nodes(model.graph)
    return model


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph and of the graphs inside of it."""
    yield from graph.node
    yield from _inner(graph)


def graphs_of(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    """The graphs in an attribute; the one that is not there is not asked for, which makes it."""
    alone = [attribute.g] if attribute.HasField("g") else []
    return [*alone, *attribute.graphs]


def _check_sets(model: onnx.ModelProto) -> None:
    if not model.opset_import:
        raise MalformedError("the ONNX model does not say which operator sets it uses")
    newest = {"": onnx.defs.onnx_opset_version(), "ai.onnx.ml": _newest_ml()}
    for used in model.opset_import:
        if used.domain not in DOMAINS:
            raise UnsupportedMediaError(
                f"the ONNX model uses the operator set {used.domain[:100]!r}; only those of the "
                "standard, ai.onnx and ai.onnx.ml, are imported"
            )
        standard = used.domain in STANDARD
        known = newest["" if standard else used.domain]
        if not (_OLDEST if standard else 1) <= used.version <= known:
            raise UnsupportedMediaError(
                f"the ONNX model uses version {used.version} of the operator set "
                f"{used.domain or 'ai.onnx'}; {_OLDEST if standard else 1} to {known} are imported"
            )


def _newest_ml() -> int:
    schemas = onnx.defs.get_all_schemas()
    return int(max(one.since_version for one in schemas if one.domain == "ai.onnx.ml"))


def messages_of(message: Message, depth: int) -> Iterator[tuple[Message, int]]:
    """Every message inside of a message: attributes, subgraphs, sparse tensors, all of them."""
    yield message, depth
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if _is_repeated(field) else [value]:
            yield from messages_of(inner, depth + 1)


def _is_repeated(field: Any) -> bool:  # noqa: ANN401 - untyped library
    known = getattr(field, "is_repeated", None)
    return bool(known) if known is not None else field.label == field.LABEL_REPEATED


def _check_tensor(message: Message) -> None:
    if isinstance(message, onnx.SparseTensorProto):
        raise UnsupportedMediaError("the ONNX model has sparse tensors, which are not imported")
    if not isinstance(message, onnx.TensorProto):
        return
    if message.data_location != onnx.TensorProto.DEFAULT or message.external_data:
        raise UnsupportedMediaError(
            "the ONNX model keeps data in other files; save it with all of its data inside"
        )
    if message.HasField("segment"):
        raise UnsupportedMediaError("the ONNX model has a tensor in pieces, which is not imported")
    if any(d < 0 for d in message.dims) or prod(message.dims) > _MOST_ELEMENTS:
        raise UnsupportedMediaError("the ONNX model has a tensor of an impossible size")


def _check_nodes(graph: onnx.GraphProto) -> None:
    outer = len(graph.node)
    for count, node in enumerate([*graph.node, *_inner(graph)]):
        if count >= _MOST_NODES:
            raise UnsupportedMediaError(f"the ONNX model has more than {_MOST_NODES} nodes")
        name = f"{node.domain or 'ai.onnx'}.{node.op_type}"[:120]
        domain = "" if node.domain in STANDARD else node.domain
        if node.domain not in DOMAINS or not onnx.defs.has(node.op_type, domain):
            raise UnsupportedMediaError(
                f"the ONNX model uses the operator {name!r}, which is not of the standard"
            )
        if reason := _REFUSED.get(node.op_type):
            raise UnsupportedMediaError(f"the ONNX model uses {name}, which {reason}")
        if domain and not (node.input and node.output):
            raise MalformedError(f"the ONNX model has {name} without an input or an output")
        if node.op_type == "Dropout" and any(node.input[2:]):
            raise UnsupportedMediaError(
                f"the ONNX model uses {name} as in training, which answers at random; export it "
                "for inference"
            )
        if domain and width_of(node) is not None and count >= outer:
            raise UnsupportedMediaError(f"the ONNX model has {name} inside of another operator")


def _inner(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of the graphs inside of a graph."""
    for node in graph.node:
        for attribute in node.attribute:
            for inside in graphs_of(attribute):
                yield from nodes_of(inside)
