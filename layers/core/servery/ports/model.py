"""A model in memory: its files, its runtime, and the bytes of its requests and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.manifest import Manifest, ModelRef, Runtime


class ModelRuntime(Protocol):
    """A loaded model: arrays in, arrays out."""

    def predict(
        self, numeric: NDArray[np.float32] | None, text: NDArray[np.object_] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating] | None]:
        """Predict rows.

        Args:
            numeric: The numeric inputs in signature order, shape (rows, numeric inputs); nan
                where a nullable one is null.
            text: The text inputs in signature order, shape (rows, text inputs); the empty
                string where a nullable one is null.

        Returns:
            Classes of shape (rows,) with probabilities of shape (rows, classes) or None; or
            values of shape (rows,) and None.
        """
        ...


class ArtifactSource(Protocol):
    """Where a model server gets the files of its model from."""

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """One file of the artifact; `ArtifactError` where it is missing."""
        ...


class RuntimeFactory(Protocol):
    """Makes a runtime out of the bytes of a model file whose digest has been checked."""

    def __call__(self, runtime: Runtime, content: bytes, manifest: Manifest) -> ModelRuntime:
        """Load; `IncompatibleRuntimeError` where the libraries do not fit the manifest."""
        ...


class InferenceCodec(Protocol):
    """Bytes of requests to questions and answers to bytes, for one model."""

    def decode(self, body: bytes) -> Question:
        """Rows that fit the signature; a `RejectedError` names the fields where they do not."""
        ...

    def encode(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        """The complete body of an answer, in the form of the question."""
        ...


class LoadedModel(Protocol):
    """A model in memory that has reproduced its recorded sample."""

    @property
    def ref(self) -> ModelRef:
        """Which model it is."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What it says about itself."""
        ...

    @property
    def codec(self) -> InferenceCodec:
        """Reads its requests and writes its answers."""
        ...

    @property
    def load_ms(self) -> float:
        """Milliseconds from asking for the first file to the reproduced sample."""
        ...

    def predict(self, question: Question) -> Prediction:
        """Predict the rows of a question."""
        ...

    def verify(self) -> None:
        """Reproduce the recorded sample; `IncompatibleRuntimeError` where that fails."""
        ...
