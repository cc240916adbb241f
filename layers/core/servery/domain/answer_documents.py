"""What stands around the predictions of every answer, in either form.

Model servers write answers by it, and whoever puts answers together that servers gave before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from servery.domain.inference import AnswerContext

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def records_document(
    name: str | None, context: AnswerContext, rows: bytes, said: dict[str, Any] | None = None
) -> bytes:
    """The answer to records.

    Args:
        name: The caller's own name for the request, if it had one.
        context: What the answer says about itself.
        rows: The JSON of the predictions, separated by commas.
        said: What it says beside them.
    """
    envelope: dict[str, Any] = {
        **({"id": name} if name is not None else {}),
        "model": context.model,
        "model_version": context.model_version,
        **_provenance(context),
        **(said or {}),
    }
    return orjson.dumps(envelope)[:-1] + b',"predictions":[' + rows + b"]}"


def tensors_document(
    name: str | None,
    context: AnswerContext,
    outputs: list[dict[str, Any]],
    said: dict[str, Any] | None = None,
) -> bytes:
    """The answer to tensors; `said` are parameters of it."""
    document: dict[str, Any] = {
        "model_name": context.model,
        "model_version": context.model_version,
        **({"id": name} if name is not None else {}),
        "parameters": {**_provenance(context), **(said or {})},
        "outputs": outputs,
    }
    return orjson.dumps(document, option=_NUMPY)


def tensor(name: str, shape: list[int], datatype: str, data: object) -> dict[str, Any]:
    """One output tensor."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _provenance(context: AnswerContext) -> dict[str, Any]:
    said: dict[str, Any] = {
        "request_id": context.request_id,
        "served_by": context.served_by,
        "cache": context.cache,
    }
    if context.degraded:
        said["degraded"] = True
    return said
