"""Records of JSON lines as typed structs: what a line has to have and what it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from servery.domain.chunks import Layout
    from servery.domain.inputs import Columns

_TYPE: dict[Dtype, Any] = {
    Dtype.FLOAT: float,
    Dtype.INT: int | float,
    Dtype.BOOL: bool,
    Dtype.STRING: str,
}


def record_decoder(columns: Columns, layout: Layout) -> msgspec.json.Decoder[Any]:
    """A decoder of lines with all inputs, all id columns, and nothing but ignored ones beside.

    The structs' attributes are `f0`, `f1`, ... for the numeric inputs and then the text inputs,
    `i0`, ... for the id columns that are no inputs, `x0`, ... for the ignored ones (or UNSET).
    """
    names: dict[str, str] = {}
    fields: list[Any] = []
    for index, column in enumerate((*columns.numeric, *columns.text)):
        kind = _TYPE[column.field.dtype]
        names[f"f{index}"] = column.name
        fields.append((f"f{index}", kind | None if column.field.nullable else kind))
    for index, name in enumerate(passed(columns, layout)):
        names[f"i{index}"] = name
        fields.append((f"i{index}", Raw))
    for index, name in enumerate(unread(columns, layout)):
        names[f"x{index}"] = name
        fields.append((f"x{index}", Raw | UnsetType, UNSET))
    record: Any = msgspec.defstruct(
        "Record", fields, rename=names, forbid_unknown_fields=True, gc=False
    )
    return msgspec.json.Decoder(record)


def id_decoder(layout: Layout) -> msgspec.json.Decoder[Any]:
    """A decoder of the id columns alone, as they are written: `i0`, `i1`, ..."""
    fields: list[Any] = [(f"i{index}", Raw) for index in range(len(layout.ids))]
    names = {f"i{index}": name for index, name in enumerate(layout.ids)}
    record: Any = msgspec.defstruct("Ids", fields, rename=names, gc=False)
    return msgspec.json.Decoder(record)


def passed(columns: Columns, layout: Layout) -> list[str]:
    """The id columns that are no inputs."""
    return [name for name in layout.ids if name not in columns.by_name]


def unread(columns: Columns, layout: Layout) -> list[str]:
    """The ignored columns that are neither inputs nor id columns."""
    kept = {*columns.by_name, *layout.ids}
    return [name for name in layout.ignored if name not in kept]
