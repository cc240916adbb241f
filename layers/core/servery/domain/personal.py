"""Fields that are about persons, and how the prediction log has them: hashed, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeGuard

import msgspec

from servery.domain.asked import PACKED

HASHED = "h:"
"""What a hashed value begins with; 24 hexadecimal digits follow."""
INPUT, OUTPUT = "input", "output"

_DIGEST_BYTES = 12
_NO_PERSON = frozenset({"model_version", "unit"})  # of what an answer says of a row
_ANSWERED = ("class", "value")

Hash = Callable[[str, Any], str]
"""From a field's name and a value."""


class Treatment(StrEnum):
    """What the log has of a value."""

    OMIT = "omit"
    HASH = "hash"


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """What of a model is about persons.

    Attributes:
        fields: Inputs, and what becomes of each.
        target: What becomes of what is predicted; None where that is not about persons.
        inputs: All inputs in the order of the signature, as a packed tensor has them.
    """

    fields: dict[str, Treatment] = {}
    target: Treatment | None = None
    inputs: list[str] = []


def is_masked(document: str, names: Collection[str]) -> bool:
    """Whether a document of a line is without something that is about persons, or with its hash.

    Args:
        document: `input` or `output`.
        names: Fields that the line names as hashed or left out: `input.name`, `output`.
    """
    return any(name.partition(".")[0] == document for name in names)


def key_hash(key: bytes) -> Hash:
    """Hashes values with a key: the same value of the same field is the same text.

    Whoever has no key can neither compute nor try out which value a text stands for.
    """

    def hashed(name: str, value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
        plain = int(value) if isinstance(value, float) and value.is_integer() else value
        content = name.encode() + b"\0" + msgspec.json.encode(plain)
        return HASHED + blake2b(content, key=key, digest_size=_DIGEST_BYTES).hexdigest()

    return hashed


def merged(models: Iterable[Personal]) -> Personal:
    """What is about persons by any of some models; what one leaves out is left out."""
    fields: dict[str, Treatment] = {}
    target: Treatment | None = None
    orders: list[list[str]] = []
    for one in models:
        for name, treatment in one.fields.items():
            fields[name] = _stricter(fields.get(name, treatment), treatment)
        if one.target is not None:
            target = _stricter(target or one.target, one.target)
        orders.append(one.inputs)
    agreed = all(order == orders[0] for order in orders)
    return Personal(fields=fields, target=target, inputs=orders[0] if orders and agreed else [])


def all_omitted(personal: Personal) -> Personal:
    """The same with nothing hashed: what would be is left out."""
    return Personal(
        fields=dict.fromkeys(personal.fields, Treatment.OMIT),
        target=None if personal.target is None else Treatment.OMIT,
        inputs=personal.inputs,
    )


def masked_input(body: bytes, personal: Personal, hashed: Hash) -> bytes | None:
    """A request's body without what is about persons, in either form.

    Returns:
        JSON on one line; None where it is not certain that nothing of it is left.
    """
    document = _read(body)
    if document is None or not personal.fields:
        return None
    records, tensors = document.get("records"), document.get("inputs")
    if _are_objects(records):
        masked = {"records": [_record(row, personal.fields, hashed) for row in records]}
    elif _are_objects(tensors):
        found = _tensors(tensors, personal, hashed)
        if found is None:
            return None
        masked = {"inputs": found}
    else:
        return None
    return msgspec.json.encode({**document, **masked})


def masked_output(answer: bytes, personal: Personal, hashed: Hash) -> bytes | None:
    """An answer without what was predicted, or with the hash of it, in either form.

    Probabilities are left out always: with them one knows what was predicted.

    Returns:
        JSON on one line; None where it is not certain that nothing of it is left.
    """
    document = _read(answer)
    if document is None or personal.target is None:
        return None
    keep = personal.target is Treatment.HASH
    rows, outputs = document.get("predictions"), document.get("outputs")
    if _are_objects(rows):
        masked = {"predictions": [_prediction(row, hashed if keep else None) for row in rows]}
    elif _are_objects(outputs):
        told = [tensor for tensor in outputs if keep and tensor.get("name") in _ANSWERED]
        masked = {"outputs": [_hashed_tensor(tensor, hashed) for tensor in told]}
    else:
        return None
    return msgspec.json.encode({**document, **masked})


def _record(row: Mapping[str, Any], fields: Mapping[str, Treatment], hashed: Hash) -> Any:  # noqa: ANN401
    kept = dict(row)
    for name, treatment in fields.items():
        if name in kept:
            value = kept.pop(name)
            if treatment is Treatment.HASH:
                kept[name] = _deep(name, value, hashed)
    return kept


def _prediction(row: Mapping[str, Any], hashed: Hash | None) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name in _NO_PERSON}
    if hashed is not None:
        for name in _ANSWERED:
            if name in row:
                kept[name] = _deep(name, row[name], hashed)
    return kept


def _tensors(
    tensors: Sequence[dict[str, Any]], personal: Personal, hashed: Hash
) -> list[dict[str, Any]] | None:
    """Tensors by input, or the packed one; None where a field that is looked for is in neither."""
    names = [tensor.get("name") for tensor in tensors]
    if not all(isinstance(name, str) for name in names):
        return None
    if names == [PACKED] and PACKED not in personal.inputs:
        packed = _unpacked(tensors[0], personal, hashed)
        return None if packed is None else [packed]
    if not personal.fields.keys() <= set(names):
        return None
    kept = [t for t in tensors if personal.fields.get(t["name"]) is not Treatment.OMIT]
    return [_hashed_tensor(t, hashed) if t["name"] in personal.fields else t for t in kept]


def _unpacked(tensor: dict[str, Any], personal: Personal, hashed: Hash) -> dict[str, Any] | None:
    """A packed tensor as one of one flat list; null where a value is left out."""
    width = len(personal.inputs)
    if not personal.fields.keys() <= set(personal.inputs) or not isinstance(
        tensor.get("data"), list
    ):
        return None
    values = _flat(tensor["data"])
    if not width or len(values) % width:
        return None
    for place, name in enumerate(personal.inputs):
        treatment = personal.fields.get(name)
        if treatment is Treatment.OMIT:
            values[place::width] = [None] * (len(values) // width)
        elif treatment is Treatment.HASH:
            values[place::width] = [_deep(name, value, hashed) for value in values[place::width]]
    return {**tensor, "data": values}


def _hashed_tensor(tensor: dict[str, Any], hashed: Hash) -> dict[str, Any]:
    data = _deep(tensor["name"], tensor.get("data"), hashed)
    return {**tensor, "datatype": "BYTES", "data": data}


def _deep(name: str, value: Any, hashed: Hash) -> Any:  # noqa: ANN401 - whatever JSON can say
    """A value hashed; lists of tensors are gone through, and null stays null."""
    if isinstance(value, list):
        return [_deep(name, each, hashed) for each in value]
    return None if value is None else hashed(name, value)


def _flat(data: list[Any]) -> list[Any]:
    if not any(isinstance(each, list) for each in data):
        return list(data)
    return [v for each in data for v in (_flat(each) if isinstance(each, list) else [each])]


def _are_objects(found: Any) -> TypeGuard[list[dict[str, Any]]]:  # noqa: ANN401 - whatever JSON can say
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)


def _read(document: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(document, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _stricter(one: Treatment, other: Treatment) -> Treatment:
    return Treatment.OMIT if Treatment.OMIT in (one, other) else Treatment.HASH
