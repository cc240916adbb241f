"""Rows of requests of which the log hashes fields that are about persons, or leaves them out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

import msgspec

from servery.domain.signature import Dtype, Signature

_NUMBERS = frozenset({int, float, type(None)})
_KINDS = {
    Dtype.FLOAT: _NUMBERS,
    Dtype.INT: _NUMBERS,
    Dtype.BOOL: frozenset({bool, type(None)}),
    Dtype.STRING: frozenset({str, type(None)}),
}


class _Tensor(msgspec.Struct):
    name: str
    data: list[Any]


class _Body(msgspec.Struct):
    records: list[dict[str, Any]] | None = None
    inputs: list[_Tensor] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What can be read of a request.

    Attributes:
        count: How many rows it has.
        columns: The values of each input that can be read.
        digest: Of all that there is, hashes among it.
    """

    count: int
    columns: Mapping[str, Sequence[Any]]
    digest: bytes


def masked_fields(names: Collection[str]) -> list[str]:
    """The inputs among the fields that a line names as hashed or left out: `input.name`."""
    return [name.removeprefix("input.") for name in names if name.startswith("input.")]


def read_masked(content: bytes, signature: Signature, masked: Collection[str]) -> Rows | None:
    """The inputs of a request that are not masked; None where any of them cannot be read.

    Args:
        content: The body, as the log has it: records, or a tensor for each input.
        signature: What the model takes.
        masked: Inputs that are hashed or left out.
    """
    try:
        body = msgspec.json.decode(content, type=_Body)
    except msgspec.MsgspecError:
        return None
    wanted = {f.name: _KINDS[f.dtype] for f in signature.inputs if f.name not in masked}
    columns: dict[str, Sequence[Any]]
    if body.records:
        count = len(body.records)
        columns = {name: [row.get(name) for row in body.records] for name in wanted}
    elif body.inputs:
        found = {tensor.name: _flat(tensor.data) for tensor in body.inputs}
        count = max(map(len, found.values()))
        columns = {name: found.get(name, []) for name in wanted}
    else:
        return None
    fit = all(
        len(values) == count and wanted[name].issuperset(map(type, values))
        for name, values in columns.items()
    )
    if not count or not fit:
        return None
    plain = msgspec.json.encode(body, order="deterministic")
    return Rows(count, columns, blake2b(plain, digest_size=16).digest())


def _flat(data: list[Any]) -> list[Any]:
    """Data of a tensor of one column, nested or not."""
    return list(chain.from_iterable(data)) if data and isinstance(data[0], list) else data
