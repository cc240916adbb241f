"""ONNX models in onnxruntime, on one thread.

The graph takes the inputs `numeric` (float32, shape (rows, k), in signature order) and `text`
(string, shape (rows, m)), whichever the signature has. Its first output is the label, the value, or
of a preprocessor the features (float32, shape (rows, features)); its second, where there is one, a
float tensor of shape (rows, classes): export classifiers with `zipmap` off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from servery.domain.digest import check_digest
from servery.domain.signature import Dtype, Task
from servery.errors import ArtifactError, IncompatibleRuntimeError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.signature import Signature

_CLASS_TYPE: dict[Dtype, type[np.generic]] = {
    Dtype.BOOL: np.bool_,
    Dtype.INT: np.int64,
    Dtype.STRING: np.object_,
}
_ERRORS_ONLY = 3
_MATRIX = 2
_REFUSALS = (Fail, InvalidArgument, RuntimeException)


class OnnxRuntime:
    """A `ModelRuntime` on an onnxruntime session; make it with `load`."""

    def __init__(self, session: Any, signature: Signature) -> None:  # noqa: ANN401 - untyped library
        self._run = session.run
        self._outputs = [output.name for output in session.get_outputs()]
        self._scored = signature.task is Task.CLASSIFICATION and signature.output.probabilities
        self._outputs = self._outputs[: 2 if self._scored else 1]
        self._class_type = _CLASS_TYPE.get(signature.output.dtype, np.object_)
        self._classifies = signature.task is Task.CLASSIFICATION
        prepares = signature.task is Task.PREPROCESSING
        self._shape = (-1, len(signature.output.features or ())) if prepares else (-1,)
        _check_shapes(session, signature, self._outputs, scored=self._scored)

    @classmethod
    def load(cls, content: bytes, *, digest: str, signature: Signature) -> OnnxRuntime:
        """Build a session out of the bytes of `model.onnx`.

        Args:
            content: The file.
            digest: The SHA-256 that the registry recorded; compared before anything is parsed.
            signature: What the graph must take and give.

        Raises:
            ArtifactError: the bytes are not the recorded ones, or are no valid graph.
            IncompatibleRuntimeError: the graph does not fit the signature, or needs a newer
                onnxruntime.
        """
        check_digest(content, digest, "the model file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS_ONLY
        providers = ["CPUExecutionProvider"]
        try:
            session = onnxruntime.InferenceSession(content, options, providers=providers)
        except Exception as error:
            text = str(error)
            if "opset" in text or "IR version" in text or "not a registered function" in text:
                raise IncompatibleRuntimeError(f"onnxruntime refuses the graph: {text}") from error
            raise ArtifactError(f"the model file is no valid ONNX graph: {text}") from error
        return cls(session, signature)

    def predict(
        self, numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating] | None]:
        """Predict rows; see `ModelRuntime`.

        Raises:
            InvalidInputError: the graph refuses the rows; it answered its sample when it was
                loaded, so the values are at fault. Its own sentence may quote them: it is the
                cause.
        """
        feed: dict[str, NDArray[Any]] = {}
        if numeric is not None:
            feed["numeric"] = numeric
        if text is not None:
            feed["text"] = text
        try:
            answers = self._run(self._outputs, feed)
        except _REFUSALS as error:
            raise InvalidInputError("the model refuses a value that it was not made for") from error
        first = answers[0].reshape(self._shape)
        if not self._classifies:
            return first, None
        classes = first.astype(self._class_type, copy=False)
        return classes, answers[1] if self._scored else None


def _check_shapes(session: Any, signature: Signature, outputs: list[str], *, scored: bool) -> None:  # noqa: ANN401
    expected = {"numeric": len(signature.numeric), "text": len(signature.text)}
    wanted = {name: width for name, width in expected.items() if width}
    found = {i.name: i.shape[1] if len(i.shape) > 1 else None for i in session.get_inputs()}
    fits = found.keys() == wanted.keys() and all(
        not isinstance(width, int) or width == wanted[name] for name, width in found.items()
    )
    if not fits:
        raise IncompatibleRuntimeError(
            f"the graph takes {found}, the signature has {wanted} (input to number of columns)"
        )
    if scored and len(outputs) < len(("label", "probabilities")):
        raise IncompatibleRuntimeError("the signature has probabilities, the graph gives none")
    if signature.task is Task.PREPROCESSING:
        _check_features(session.get_outputs()[0], len(signature.output.features or ()))


def _check_features(output: Any, features: int) -> None:  # noqa: ANN401
    """Features have to be float32: that is how they travel, and what the predictor was cut at."""
    width = output.shape[1] if len(output.shape or ()) == _MATRIX else 0
    if (
        output.type != "tensor(float)"
        or not features
        or (isinstance(width, int) and width != features)
    ):
        raise IncompatibleRuntimeError(
            f"the graph gives {output.type} of shape {output.shape}, the signature has "
            f"{features} features"
        )
