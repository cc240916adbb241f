"""From arrays to the bytes of an answer, in either form.

Numbers are written by orjson straight from the arrays, so a float32 reads 0.98 and not
0.9800000190734863; records are then woven around them by one formatting operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from servery.domain.inference import Form
from servery.domain.json_text import write_numbers
from servery.domain.signature import Task
from servery.edge.inference.datatypes import DATATYPE_OF
from servery.edge.inference.refusal import MOST, refuse
from servery.errors import ModelServerError, Violation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.signature import Signature

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


class AnswerWriter:
    """Writes answers of one signature."""

    def __init__(self, signature: Signature) -> None:
        output = signature.output
        self._classifies = signature.task is Task.CLASSIFICATION
        self._classes = list(output.classes or [])
        self._tokens = {value: orjson.dumps(value) for value in self._classes}
        self._unit = orjson.dumps(output.unit)
        self._datatype = DATATYPE_OF[output.dtype]
        first = "class" if self._classifies else "value"
        scored = self._classifies and output.probabilities
        self.names: tuple[str, ...] = (first, "probabilities") if scored else (first,)

    def write(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        """The complete body of the answer.

        Raises:
            InvalidInputError: the model has no finite answer for a row.
            ModelServerError: the model gave a class that its signature does not have.
        """
        _check_finite(prediction)
        if question.form is Form.RECORDS:
            return self._records(question, prediction, context)
        return self._tensors(question, prediction, context)

    def _records(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        envelope = {
            **({"id": question.id} if question.id is not None else {}),
            "model": context.model,
            "model_version": context.model_version,
            **_provenance(context),
        }
        version = _literal(orjson.dumps(context.model_version))
        columns = [self._first_tokens(prediction)]
        if not self._classifies:
            row = b'{"value":%%b,"unit":%b,"model_version":%b}' % (_literal(self._unit), version)
        elif prediction.probabilities is None:
            row = b'{"class":%%b,"model_version":%b}' % version
        else:
            keys = (_literal(orjson.dumps(str(value))) + b":%b" for value in self._names())
            row = b'{"class":%%b,"probabilities":{%b},"model_version":%b}' % (
                b",".join(keys),
                version,
            )
            columns.extend(_numbers(column) for column in prediction.probabilities.T)
        body = b",".join([row] * question.rows) % _interleaved(columns, question.rows)
        return orjson.dumps(envelope)[:-1] + b',"predictions":[' + body + b"]}"

    def _names(self) -> list[str]:
        return [v if isinstance(v, str) else orjson.dumps(v).decode() for v in self._classes]

    def _first_tokens(self, prediction: Prediction) -> list[bytes]:
        if not self._classifies:
            return _numbers(prediction.answers)
        try:
            return [self._tokens[value] for value in prediction.answers.tolist()]
        except KeyError as error:
            raise ModelServerError("the model gave a class that is not in its signature") from error

    def _tensors(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        outputs = [
            self._tensor(name, question.rows, prediction) for name in question.outputs or self.names
        ]
        document = {
            "model_name": context.model,
            "model_version": context.model_version,
            **({"id": question.id} if question.id is not None else {}),
            "parameters": _provenance(context),
            "outputs": outputs,
        }
        return orjson.dumps(document, option=_NUMPY)

    def _tensor(self, name: str, rows: int, prediction: Prediction) -> dict[str, Any]:
        if name == "probabilities":
            scores = prediction.probabilities
            if scores is None:
                raise ModelServerError("the model gave no probabilities")
            return _tensor(name, list(scores.shape), _float_name(scores), _flat(scores))
        if not self._classifies:
            values = prediction.answers
            return _tensor(name, [rows], _float_name(values), _flat(values))
        self._first_tokens(prediction)
        return _tensor(name, [rows], self._datatype, prediction.answers.tolist())


def _provenance(context: AnswerContext) -> dict[str, Any]:
    said: dict[str, Any] = {
        "request_id": context.request_id,
        "served_by": context.served_by,
        "cache": context.cache,
    }
    if context.degraded:
        said["degraded"] = True
    return said


def _tensor(name: str, shape: list[int], datatype: str, data: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _float_name(array: NDArray[Any]) -> str:
    return "FP32" if array.dtype == np.float32 else "FP64"


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    floats = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    return np.ascontiguousarray(floats).reshape(-1)


def _numbers(column: NDArray[Any]) -> list[bytes]:
    return write_numbers(column)[1:-1].split(b",")


def _interleaved(columns: list[list[bytes]], rows: int) -> tuple[bytes, ...]:
    width = len(columns)
    tokens = [b""] * (rows * width)
    for index, column in enumerate(columns):
        tokens[index::width] = column
    return tuple(tokens)


def _literal(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


def _check_finite(prediction: Prediction) -> None:
    numbers = prediction.answers if prediction.probabilities is None else prediction.probabilities
    if numbers.dtype.kind != "f":
        return
    finite = np.isfinite(numbers)
    if finite.all():
        return
    bad = np.flatnonzero(~finite.reshape(len(numbers), -1).all(axis=1))
    message = "the model has no finite answer for these values"
    refuse([Violation(f"records[{index}]", message) for index in bad[:MOST].tolist()])
