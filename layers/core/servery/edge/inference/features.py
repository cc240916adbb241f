"""The answers of a preprocessor: features, and the pair that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from servery.domain.answer_documents import records_document, tensor, tensors_document
from servery.domain.inference import Form
from servery.domain.json_rows import exact, feature_rows
from servery.edge.inference.finite import check_finite

if TYPE_CHECKING:
    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.signature import Signature

FEATURES = "features"


class FeatureWriter:
    """Writes answers of one preprocessor."""

    def __init__(self, signature: Signature) -> None:
        self._rows = feature_rows(tuple(signature.output.features or ()))
        self.names: tuple[str, ...] = (FEATURES,)

    def write(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        """The complete body of the answer.

        Raises:
            InvalidInputError: a feature of a row is not finite.
        """
        matrix = np.asarray(prediction.answers, np.float32)
        check_finite(matrix, "the preprocessor has no finite features for these values")
        pair = {"pair": context.pair}
        if question.form is Form.RECORDS:
            after = b',"model_version":%b}' % orjson.dumps(context.model_version)
            rows = self._rows.write(matrix, b'{"features":', after)
            return records_document(question.id, context, rows, pair)
        data = exact(np.ascontiguousarray(matrix).reshape(-1))
        output = tensor(FEATURES, list(matrix.shape), "FP32", data)
        return tensors_document(question.id, context, [output], pair)
