"""From arrays to the bytes of an answer, in either form.

Numbers are written by orjson straight from the arrays, so a float32 reads 0.98 and not
0.9800000190734863; records are then woven around them by one formatting operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from servery.domain.answer_documents import records_document, tensor, tensors_document
from servery.domain.datatypes import DATATYPE_OF
from servery.domain.inference import Form
from servery.domain.json_rows import interleaved, literal, tokens
from servery.domain.signature import Task
from servery.edge.inference.finite import check_finite
from servery.errors import ModelServerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.signature import Signature

_NOT_FINITE = "the model has no finite answer for these values"


class AnswerWriter:
    """Writes answers of one signature."""

    def __init__(self, signature: Signature) -> None:
        output = signature.output
        self._classifies = signature.task is Task.CLASSIFICATION
        self._classes = list(output.classes or [])
        self._tokens = {value: orjson.dumps(value) for value in self._classes}
        self._unit = orjson.dumps(output.unit)
        self._datatype = DATATYPE_OF[output.dtype]
        self._last: tuple[str, bool, bytes] | None = None
        first = "class" if self._classifies else "value"
        scored = self._classifies and output.probabilities
        self.names: tuple[str, ...] = (first, "probabilities") if scored else (first,)

    def write(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        """The complete body of the answer.

        Raises:
            InvalidInputError: the model has no finite answer for a row.
            ModelServerError: the model gave a class that its signature does not have.
        """
        scores = prediction.probabilities
        check_finite(prediction.answers if scores is None else scores, _NOT_FINITE)
        if question.form is Form.RECORDS:
            rows = self._rows(question.rows, prediction, context)
            return records_document(question.id, context, rows)
        wanted = question.outputs or self.names
        outputs = [self._tensor(name, question.rows, prediction) for name in wanted]
        return tensors_document(question.id, context, outputs)

    def _rows(self, rows: int, prediction: Prediction, context: AnswerContext) -> bytes:
        columns = [self._first_tokens(prediction)]
        scores = prediction.probabilities if self._classifies else None
        row = self._row(context.model_version, scored=scores is not None)
        if rows == 1:  # what most requests have
            return row % (columns[0][0], *(() if scores is None else tokens(scores[0])))
        if scores is not None:
            columns.extend(tokens(column) for column in scores.T)
        return b",".join([row] * rows) % interleaved(columns, rows)

    def _row(self, model_version: str, *, scored: bool) -> bytes:
        """What stands around the values of a row; a server has one version at a time."""
        last = self._last
        if last is None or last[:2] != (model_version, scored):
            last = (model_version, scored, self._around(model_version, scored=scored))
            self._last = last
        return last[2]

    def _around(self, model_version: str, *, scored: bool) -> bytes:
        version = literal(orjson.dumps(model_version))
        if not self._classifies:
            return b'{"value":%%b,"unit":%b,"model_version":%b}' % (literal(self._unit), version)
        if not scored:
            return b'{"class":%%b,"model_version":%b}' % version
        keys = (literal(orjson.dumps(str(value))) + b":%b" for value in self._names())
        return b'{"class":%%b,"probabilities":{%b},"model_version":%b}' % (
            b",".join(keys),
            version,
        )

    def _names(self) -> list[str]:
        return [v if isinstance(v, str) else orjson.dumps(v).decode() for v in self._classes]

    def _first_tokens(self, prediction: Prediction) -> list[bytes]:
        if not self._classifies:
            return tokens(prediction.answers)
        try:
            return [self._tokens[value] for value in prediction.answers.tolist()]
        except KeyError as error:
            raise ModelServerError("the model gave a class that is not in its signature") from error

    def _tensor(self, name: str, rows: int, prediction: Prediction) -> dict[str, Any]:
        if name == "probabilities":
            scores = prediction.probabilities
            if scores is None:
                raise ModelServerError("the model gave no probabilities")
            return tensor(name, list(scores.shape), _float_name(scores), _flat(scores))
        if not self._classifies:
            values = prediction.answers
            return tensor(name, [rows], _float_name(values), _flat(values))
        self._first_tokens(prediction)
        return tensor(name, [rows], self._datatype, prediction.answers.tolist())


def _float_name(array: NDArray[Any]) -> str:
    return "FP32" if array.dtype == np.float32 else "FP64"


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    floats = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    return np.ascontiguousarray(floats).reshape(-1)
