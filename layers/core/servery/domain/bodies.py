"""The typed form of a request body, built from a signature, so that one pass of C code reads it.

Model servers read bodies by it, and whoever has to know beforehand what they will make of one.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from servery.domain.signature import Dtype, Signature

_TYPE: dict[Dtype, Any] = {
    Dtype.FLOAT: float,
    Dtype.INT: int | float,
    Dtype.BOOL: bool,
    Dtype.STRING: str,
}


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One input tensor of the Open Inference Protocol."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: Raw | UnsetType = UNSET


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """One output that a caller asks for."""

    name: str
    parameters: Raw | UnsetType = UNSET


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A request body in either form; `records` are structs in the order numeric, then text."""

    records: list[Any] | UnsetType = UNSET
    inputs: list[Tensor] | UnsetType = UNSET
    outputs: list[Wanted] | UnsetType = UNSET
    id: str | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET


def body_decoder(signature: Signature) -> msgspec.json.Decoder[Body]:
    """A decoder of bodies whose records have exactly the inputs, each of its type.

    The structs' attributes are `f0`, `f1`, ... (numeric columns first, then text), since the
    names that callers use need not be identifiers.
    """
    ordered = (*signature.numeric, *signature.text)
    fields = []
    for index, field in enumerate(ordered):
        kind = _TYPE[field.dtype]
        fields.append((f"f{index}", kind | None if field.nullable else kind))
    row: Any = msgspec.defstruct(
        "Row",
        fields,
        rename={f"f{index}": field.name for index, field in enumerate(ordered)},
        forbid_unknown_fields=True,
        gc=False,
    )
    typed: Any = msgspec.defstruct(
        "TypedBody",
        [("records", list[row] | UnsetType, UNSET)],
        bases=(Body,),
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(typed)


def is_object(raw: Raw | UnsetType) -> bool:
    """Whether a part that was left unread is absent or an object."""
    return isinstance(raw, UnsetType) or bytes(raw).lstrip()[:1] == b"{"


def strings_in(content: bytes) -> int:
    """How many JSON strings (keys and values) valid JSON has; without numpy."""
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    return content.count(b'"') // 2


def count_envelope(body: Body) -> int:
    """How many strings a body has outside of its records and inputs when no key is repeated."""
    total = sum(
        part is not UNSET
        for part in (body.records, body.inputs, body.outputs, body.id, body.parameters)
    )
    total += body.id is not UNSET
    total += _count_raw(body.parameters)
    if not isinstance(body.outputs, UnsetType):
        total += sum(2 + _count_parameters(wanted.parameters) for wanted in body.outputs)
    return total


def count_tensors(tensors: list[Tensor]) -> int:
    """How many strings input tensors have outside of their data when no key is repeated."""
    return sum(6 + _count_parameters(tensor.parameters) for tensor in tensors)


def _count_parameters(raw: Raw | UnsetType) -> int:
    return 0 if isinstance(raw, UnsetType) else 1 + _count_raw(raw)


def _count_raw(raw: Raw | UnsetType) -> int:
    return 0 if isinstance(raw, UnsetType) else strings_in(bytes(raw))
