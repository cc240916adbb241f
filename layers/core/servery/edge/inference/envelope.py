"""What stands around the predictions of every answer, in either form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from servery.edge.inference.refusal import MOST, refuse
from servery.errors import Violation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.inference import AnswerContext, Question

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def records_answer(
    question: Question, context: AnswerContext, rows: bytes, said: dict[str, Any] | None = None
) -> bytes:
    """The answer to records.

    Args:
        question: What was asked.
        context: What the answer says about itself.
        rows: The JSON of the predictions, separated by commas.
        said: What it says beside them.
    """
    envelope: dict[str, Any] = {
        **({"id": question.id} if question.id is not None else {}),
        "model": context.model,
        "model_version": context.model_version,
        **_provenance(context),
        **(said or {}),
    }
    return orjson.dumps(envelope)[:-1] + b',"predictions":[' + rows + b"]}"


def tensors_answer(
    question: Question,
    context: AnswerContext,
    outputs: list[dict[str, Any]],
    said: dict[str, Any] | None = None,
) -> bytes:
    """The answer to tensors; `said` are parameters of it."""
    document: dict[str, Any] = {
        "model_name": context.model,
        "model_version": context.model_version,
        **({"id": question.id} if question.id is not None else {}),
        "parameters": {**_provenance(context), **(said or {})},
        "outputs": outputs,
    }
    return orjson.dumps(document, option=_NUMPY)


def tensor(name: str, shape: list[int], datatype: str, data: Any) -> dict[str, Any]:
    """One output tensor."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def check_finite(numbers: NDArray[np.generic], message: str) -> None:
    """Let pass only numbers that JSON has.

    Args:
        numbers: One row of them, or one number, for each row of the request.
        message: What is wrong with a row that has others.

    Raises:
        InvalidInputError: names the rows.
    """
    if numbers.dtype.kind != "f":
        return
    finite = np.isfinite(numbers)
    if finite.all():
        return
    bad = np.flatnonzero(~finite.reshape(len(numbers), -1).all(axis=1))
    refuse([Violation(f"records[{index}]", message) for index in bad[:MOST].tolist()])


def _provenance(context: AnswerContext) -> dict[str, Any]:
    said: dict[str, Any] = {
        "request_id": context.request_id,
        "served_by": context.served_by,
        "cache": context.cache,
    }
    if context.degraded:
        said["degraded"] = True
    return said
