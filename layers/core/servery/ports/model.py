"""A model in memory: its files, its runtime, and the bytes of its requests and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from servery.domain.chunks import Chunk, Layout
    from servery.domain.entities import Keeping
    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.manifest import Manifest, ModelRef, Runtime
    from servery.domain.rows import Rows
    from servery.domain.signature import Signature


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
            Classes of shape (rows,) with probabilities of shape (rows, classes) or None;
            values of shape (rows,) and None; or features of shape (rows, features) and None.
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


class EntityReader(Protocol):
    """Data of entities, as whoever looks them up reads them."""

    def get_many(
        self, entity: str, keys: Collection[str], keeping: Keeping = ..., /
    ) -> dict[str, Mapping[str, Any]]:
        """The data of those entities that there are, by key; a `RetryableError` where not now.

        `keeping` says where else they may be found than in the table, which sees every write
        that came before the read.
        """
        ...


class ChunkFiles(Protocol):
    """The objects of a batch, as the model server that predicts a chunk of it sees them."""

    def load(self, key: str) -> bytes:
        """A small object of the exchange bucket; `ArtifactError` where there is none."""
        ...

    def read(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk, of exactly the version that it names; all where `end` is 0.

        `ConflictError` where the object is no longer there as it was.
        """
        ...

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object whole."""
        ...


class RowReader(Protocol):
    """Cuts the bytes of a chunk into rows that fit the signature, and tells the bad ones."""

    def read(self, content: bytes) -> Rows:
        """The rows; a bad one is a rejection and never an error."""
        ...


class RowWriter(Protocol):
    """Writes the part of a chunk."""

    def write(self, rows: Rows, prediction: Prediction) -> bytes:
        """The part: a line for each good row, and for csv the header, also without any row."""
        ...


class RowReaders(Protocol):
    """Makes the reader for a signature and a layout."""

    def __call__(self, signature: Signature, layout: Layout, /) -> RowReader:
        """Compile what every chunk of the batch has in common."""
        ...


class RowWriters(Protocol):
    """Makes the writer for a signature and a layout."""

    def __call__(self, signature: Signature, layout: Layout, /) -> RowWriter:
        """Compile what every part of the batch has in common."""
        ...
