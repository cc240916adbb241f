"""What a request's body says, read only as far as a front function has to know it.

Whether the body fits the model is for the model server to say. Here it is enough that nothing
is read into a body that is not there: whoever finds no value gets None.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec

from servery.domain.signature import Dtype, Field

PACKED = "input"  # the tensor that has all columns, where they are numbers

Inputs = Callable[[], Sequence[Field]]
Scalar = str | int | float | bool
_SCALARS = (str, int, float)


class Asked:
    """A request's body, parsed when something of it is asked for first.

    Args:
        body: The body as it came.
        base64: Whether it is in base64.
    """

    def __init__(self, body: str, *, base64: bool) -> None:
        self._body = body
        self._base64 = base64

    @property
    def _content(self) -> bytes:
        return b64decode(self._body, validate=True) if self._base64 else self._body.encode()

    @cached_property
    def document(self) -> dict[str, Any] | None:
        """The JSON object that it is; None where it is none."""
        try:
            document = msgspec.json.decode(self._content)
        except (msgspec.MsgspecError, UnicodeError, binascii.Error, ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    @property
    def is_plain(self) -> bool:
        """Whether writing it anew loses nothing: no object has a name twice."""
        try:
            return bool(self.document == json.loads(self._content, object_pairs_hook=_once))
        except (ValueError, RecursionError):
            return False

    @property
    def records(self) -> list[dict[str, Any]] | None:
        """The rows as objects, at least one; None where it is of the other form, or of none."""
        document = self.document or {}
        records = document.get("records")
        if not isinstance(records, list) or not records or "inputs" in document:
            return None
        return records if all(isinstance(row, dict) for row in records) else None

    @property
    def tensors(self) -> list[dict[str, Any]] | None:
        """The input tensors, at least one; None where it is of the other form, or of none."""
        document = self.document or {}
        tensors = document.get("inputs")
        if not isinstance(tensors, list) or not tensors or "records" in document:
            return None
        return tensors if all(map(_is_tensor, tensors)) else None

    @property
    def rows(self) -> int:
        """How many rows there are; 0 where that cannot be told."""
        if self.records is not None:
            return len(self.records)
        sizes = {int(tensor["shape"][0]) for tensor in self.tensors or ()}
        return max(0, sizes.pop()) if len(sizes) == 1 else 0

    def column(self, name: str, inputs: Inputs) -> Scalar | None:
        """The value of a column that all rows agree on; None where there is none such.

        Args:
            name: Name of the column.
            inputs: Gives the inputs of the model, which the packed form alone needs.
        """
        values = self._values(name, inputs)
        if not values:
            return None
        first = values[0]
        same = all(type(value) is type(first) and value == first for value in values)
        return first if same and isinstance(first, _SCALARS) else None

    def _values(self, name: str, inputs: Inputs) -> list[Any] | None:
        if self.records is not None:
            return [row.get(name) for row in self.records]
        if self.tensors is None or not self.rows:
            return None
        for tensor in self.tensors:
            if tensor["name"] == name:
                return flat(tensor["data"])
        if [tensor["name"] for tensor in self.tensors] != [PACKED]:
            return None
        fields = list(inputs())
        names = [field.name for field in fields]
        if name not in names:
            return None
        place = names.index(name)
        values = flat(self.tensors[0]["data"])[place :: len(names)]
        return [bool(v) for v in values] if fields[place].dtype is Dtype.BOOL else values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is there twice")
    return document


def flat(data: list[Any]) -> list[Any]:
    """The elements of a tensor, row by row."""
    return list(chain.from_iterable(data)) if data and isinstance(data[0], list) else data


def _is_tensor(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    shape, data = value.get("shape"), value.get("data")
    return (
        isinstance(value.get("name"), str)
        and isinstance(shape, list)
        and bool(shape)
        and all(type(size) is int for size in shape)
        and isinstance(data, list)
        and (not data or _is_nested(data) or not any(isinstance(v, list) for v in data))
    )


def _is_nested(data: list[Any]) -> bool:
    return all(isinstance(row, list) for row in data)
