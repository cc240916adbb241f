"""A request of one model as a request of another one that knows fewer inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.asked import PACKED, flat

if TYPE_CHECKING:
    from servery.domain.asked import Asked
    from servery.domain.signature import Signature


def project(asked: Asked, own: Signature, other: Signature) -> str | None:
    """The body with the inputs of the other model alone; None where it is no request.

    Args:
        asked: The request.
        own: What the model takes that it was meant for.
        other: What the other one takes; all of it is among the first.
    """
    names = [field.name for field in other.inputs]
    document = dict(asked.document or {})
    if asked.records is not None:
        document["records"] = [{n: row[n] for n in names if n in row} for row in asked.records]
    elif asked.tensors is not None:
        document["inputs"] = _tensors(asked.tensors, [f.name for f in own.inputs], names)
    else:
        return None
    return msgspec.json.encode(document).decode()


def _tensors(
    tensors: list[dict[str, Any]], own: list[str], names: list[str]
) -> list[dict[str, Any]]:
    """The tensors of some inputs; a packed one becomes another packed one."""
    if [tensor["name"] for tensor in tensors] != [PACKED] or PACKED in own:
        return [tensor for tensor in tensors if tensor["name"] in names]
    packed = tensors[0]
    places = [own.index(name) for name in names]
    data, width = flat(packed["data"]), len(own)
    rows = [data[start : start + width] for start in range(0, len(data), width)]
    chosen = [row[place] for row in rows if len(row) == width for place in places]
    return [{**packed, "shape": [len(rows), len(names)], "data": chosen}]
