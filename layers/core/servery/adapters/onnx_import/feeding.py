"""The inputs `numeric` and `text` of a model server, led to whatever a foreign graph takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from servery.errors import UnsupportedMediaError

if TYPE_CHECKING:
    from servery.domain.spec import Column

_NUMBERS = {
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
}
_MATRIX = 2
Fed = tuple[list[onnx.ValueInfoProto], list[onnx.NodeProto]]


def feed(graph: onnx.GraphProto, inputs: list[Column]) -> Fed:
    """Our inputs, and the nodes that make of them what the graph takes.

    The graph takes all numbers in one matrix and all text in another, whatever they are called;
    or one input for each column, by the column's name.

    Raises:
        UnsupportedMediaError: it takes something else; the sentence says what.
    """
    constants = {tensor.name for tensor in graph.initializer}
    taken = [each for each in graph.input if each.name not in constants]
    _check_free(graph, {each.name for each in taken})
    numeric = [column.name for column in inputs if column.dtype.numeric]
    text = [column.name for column in inputs if not column.dtype.numeric]
    given = []
    if numeric:
        given.append(_input("numeric", TensorProto.FLOAT, len(numeric)))
    if text:
        given.append(_input("text", TensorProto.STRING, len(text)))
    matrices = _by_kind(taken, len(numeric), len(text))
    if matrices is not None:
        return given, [node for each in matrices for node in _whole(each)]
    columns = {column.name: column for column in inputs}
    if {each.name for each in taken} != set(columns):
        raise _unlike(taken, inputs)
    places = {name: (("numeric", n)) for n, name in enumerate(numeric)}
    places |= {name: ("text", n) for n, name in enumerate(text)}
    return given, [
        node for each in taken for node in _single(each, columns[each.name], *places[each.name])
    ]


def _input(name: str, kind: int, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [None, width])


def _check_free(graph: onnx.GraphProto, inputs: set[str]) -> None:
    made = {name for node in graph.node for name in node.output}
    made |= {tensor.name for tensor in graph.initializer}
    taken = {name for name in made | inputs if name.startswith("servery_")}
    taken |= {"numeric", "text"} & made
    if taken:
        raise UnsupportedMediaError(
            f"the ONNX model has a tensor called {min(taken)[:100]!r}, a name that is needed here"
        )


def _by_kind(
    taken: list[onnx.ValueInfoProto], numeric: int, text: int
) -> list[onnx.ValueInfoProto] | None:
    """The matrix of numbers and that of text, where these are what the graph takes."""
    wanted = {True: numeric, False: text}
    found: dict[bool, onnx.ValueInfoProto] = {}
    for each in taken:
        tensor = each.type.tensor_type
        width = tensor.shape.dim[1] if len(tensor.shape.dim) == _MATRIX else None
        is_text = tensor.elem_type == TensorProto.STRING
        if width is None or not (is_text or tensor.elem_type in _NUMBERS) or (not is_text) in found:
            return None
        if width.HasField("dim_value") and width.dim_value != wanted[not is_text]:
            return None
        found[not is_text] = each
    if {kind for kind, width in wanted.items() if width} != set(found):
        return None
    for each in found.values():
        _check_rows(each)
    return list(found.values())


def _check_rows(value: onnx.ValueInfoProto) -> None:
    rows = value.type.tensor_type.shape.dim[0]
    if rows.HasField("dim_value") and rows.dim_value > 0:
        raise UnsupportedMediaError(
            f"the ONNX model takes {rows.dim_value} rows at a time; export it with a number of "
            "rows that is open"
        )


def _whole(value: onnx.ValueInfoProto) -> list[onnx.NodeProto]:
    kind = value.type.tensor_type.elem_type
    ours = "text" if kind == TensorProto.STRING else "numeric"
    if kind in (TensorProto.FLOAT, TensorProto.STRING):
        return [] if value.name == ours else [helper.make_node("Identity", [ours], [value.name])]
    if value.name == ours:
        raise UnsupportedMediaError("the input 'numeric' of the ONNX model is not of 32-bit floats")
    return [helper.make_node("Cast", [ours], [value.name], to=kind)]


def _single(
    value: onnx.ValueInfoProto, column: Column, ours: str, place: int
) -> list[onnx.NodeProto]:
    """One column out of our matrix, in the type that the graph takes it in."""
    tensor = value.type.tensor_type
    text, flat = tensor.elem_type == TensorProto.STRING, len(tensor.shape.dim) != _MATRIX
    if text == column.dtype.numeric or not (text or tensor.elem_type in _NUMBERS):
        raise UnsupportedMediaError(
            f"the ONNX model does not take {column.dtype} in the column {column.name!r}"
        )
    if (
        not text
        and column.nullable
        and tensor.elem_type
        not in (
            TensorProto.FLOAT,
            TensorProto.DOUBLE,
        )
    ):
        raise UnsupportedMediaError(
            f"the column {column.name!r} may be empty, and the ONNX model takes whole numbers there"
        )
    if tensor.shape.dim:
        _check_rows(value)
    at = f"servery_place_{value.name}"
    places = helper.make_tensor(at, TensorProto.INT64, [] if flat else [1], [place])
    name = (
        value.name if text or tensor.elem_type == TensorProto.FLOAT else f"servery_in_{value.name}"
    )
    nodes = [
        helper.make_node("Constant", [], [at], value=places),
        helper.make_node("Gather", [ours, at], [name], axis=1),
    ]
    if name != value.name:
        nodes.append(helper.make_node("Cast", [name], [value.name], to=tensor.elem_type))
    return nodes


def _unlike(taken: list[onnx.ValueInfoProto], inputs: list[Column]) -> UnsupportedMediaError:
    told = ", ".join(_told(each) for each in taken[:20])
    numbers = sum(column.dtype.numeric for column in inputs)
    return UnsupportedMediaError(
        f"the ONNX model takes {told}; the sample has {numbers} columns of numbers and "
        f"{len(inputs) - numbers} of text ({', '.join(c.name for c in inputs[:20])}): it needs one "
        "matrix of each, or an input for each column by its name"
    )


def _told(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    known = tensor.elem_type in TensorProto.DataType.values()
    kind = TensorProto.DataType.Name(tensor.elem_type).lower() if known else "no known type"
    dims = [str(d.dim_value) if d.HasField("dim_value") else "?" for d in tensor.shape.dim]
    return f"{value.name[:60]!r} ({kind}, {' x '.join(dims) or 'no shape'})"
