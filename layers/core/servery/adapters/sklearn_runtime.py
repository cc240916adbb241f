"""scikit-learn pipelines out of joblib files.

A joblib file is code: it is unpickled only after its bytes have been compared with the digest
that the registry recorded.

The pipeline takes one matrix, made by `feature_matrix` in training and in serving alike:

- no text inputs: the numeric inputs as float32, shape (rows, k);
- text inputs only: an object matrix of str, shape (rows, m);
- both: an object matrix of shape (rows, k + m), first the numeric inputs as floats (nan where
  null), then the text inputs as str (empty where null), each in signature order.

A `ColumnTransformer` in it selects by integer index into that matrix: 0 ... k-1 numeric,
k ... k+m-1 text. The same indices hold for the export, whose inputs `numeric` and `text` stand
side by side in this order.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.exceptions import InconsistentVersionWarning
from threadpoolctl import threadpool_limits

from servery.domain.digest import check_digest
from servery.domain.signature import Dtype, Task
from servery.errors import ArtifactError, IncompatibleRuntimeError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.signature import Signature


def feature_matrix(
    numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
) -> NDArray[Any]:
    """The matrix that a pipeline is trained on and asked with.

    Args:
        numeric: Shape (rows, k), or None where the signature has no numeric input.
        text: Shape (rows, m), or None where the signature has no text input.

    Returns:
        float32 of shape (rows, k), or object of shape (rows, k + m), numeric columns first.
    """
    if numeric is None:
        if text is None:
            raise ValueError("a model has at least one input")
        return text
    if text is None:
        return numeric
    return np.hstack([numeric.astype(object), text])


class SklearnRuntime:
    """A `ModelRuntime` on a fitted pipeline; `load` makes it out of a joblib file."""

    def __init__(self, pipeline: Any, signature: Signature) -> None:  # noqa: ANN401 - untyped library
        self._pipeline = pipeline
        self._classifies = signature.task is Task.CLASSIFICATION
        self._scored = self._classifies and signature.output.probabilities
        self._as_text = signature.output.dtype is Dtype.STRING
        if self._scored and not hasattr(pipeline, "predict_proba"):
            raise IncompatibleRuntimeError(
                "the signature has probabilities, the pipeline gives none"
            )

    @classmethod
    def load(cls, content: bytes, *, digest: str, signature: Signature) -> SklearnRuntime:
        """Unpickle the bytes of `model.joblib`, but only if they are the recorded ones.

        Args:
            content: The file.
            digest: The SHA-256 that the registry recorded; compared before anything is unpickled.
            signature: What the pipeline must take and give.

        Raises:
            ArtifactError: the bytes are not the recorded ones, or cannot be unpickled.
            IncompatibleRuntimeError: made by another version of scikit-learn, or in need of a
                library that is not here.
        """
        check_digest(content, digest, "the model file")
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            try:
                pipeline = joblib.load(io.BytesIO(content))
            except InconsistentVersionWarning as warning:
                raise IncompatibleRuntimeError(
                    f"the model was made with scikit-learn {warning.original_sklearn_version}, "
                    f"here is {warning.current_sklearn_version}"
                ) from warning
            except (ImportError, AttributeError) as error:
                raise IncompatibleRuntimeError(
                    f"the model needs what is not here: {error}"
                ) from error
            except Exception as error:
                raise ArtifactError(f"the model file cannot be read: {error}") from error
        # A server answers one request at a time: threads that wait for one another cost more
        # than they give, up to a hundred times as much on a busy machine.
        threadpool_limits(1)
        return cls(pipeline, signature)

    def predict(
        self, numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating] | None]:
        """Predict rows; see `ModelRuntime`.

        Raises:
            InvalidInputError: the pipeline refuses the rows, as an encoder does with a category
                that it has not been trained on. Its own sentence may quote them, and is the cause.
        """
        matrix = feature_matrix(numeric, text)
        try:
            first = np.asarray(self._pipeline.predict(matrix)).reshape(-1)
            scores = self._pipeline.predict_proba(matrix) if self._scored else None
        except ValueError as error:
            raise InvalidInputError("the model refuses a value that it was not made for") from error
        if not self._classifies:
            return first, None
        if self._as_text:
            first = first.astype(object, copy=False)
        return first, scores
