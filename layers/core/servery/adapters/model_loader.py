"""Loads a model: nothing is parsed before its digest is checked, nothing answers unproven.

loader = ModelLoader(source, load_runtime, Codec)
model = loader.load(ref)
prediction = model.predict(model.codec.decode(body))
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.inference import Prediction
from servery.domain.manifest import Manifest
from servery.domain.pairs import check_manifest
from servery.domain.serving import Limits
from servery.domain.signature import Task
from servery.errors import (
    ArtifactError,
    IncompatibleRuntimeError,
    InvalidInputError,
    RejectedError,
    TooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.domain.inference import Question
    from servery.domain.manifest import ModelRef
    from servery.domain.signature import Signature
    from servery.ports import ArtifactSource, InferenceCodec, ModelRuntime, RuntimeFactory

MANIFEST = "manifest.json"


class Model(msgspec.Struct, frozen=True):
    """A `LoadedModel`.

    Attributes:
        ref: Which model it is.
        manifest: What it says about itself.
        runtime: What computes its answers.
        codec: Reads its requests and writes its answers.
        sample: The recorded rows.
        load_ms: Milliseconds from asking for the first file to the reproduced sample.
    """

    ref: ModelRef
    manifest: Manifest
    runtime: ModelRuntime
    codec: InferenceCodec
    sample: Question
    load_ms: float = 0.0

    def predict(self, question: Question) -> Prediction:
        """Predict the rows of a question."""
        return Prediction(*self.runtime.predict(question.numeric, question.text))

    def verify(self) -> None:
        """Reproduce the recorded sample.

        Raises:
            IncompatibleRuntimeError: an answer is not the recorded one.
        """
        recorded = self.manifest.sample
        try:
            prediction = self.predict(self.sample)
        except InvalidInputError as error:
            raise IncompatibleRuntimeError("the model refuses its recorded sample here") from error
        if self.manifest.signature.task is Task.CLASSIFICATION:
            same = prediction.answers.tolist() == recorded.classes
            scores = prediction.probabilities
        else:  # a value, or features, of each row
            values = np.asarray(prediction.answers, np.float64)
            same, scores = True, values.reshape(len(values), -1)
        if recorded.scores:
            expected = np.array(recorded.scores)
            same = same and scores is not None and scores.shape == expected.shape
            if same and scores is not None:
                same = bool((np.abs(scores - expected) <= recorded.tolerance).all())
        if not same:
            raise IncompatibleRuntimeError("the model does not reproduce its recorded sample here")


class ModelLoader:
    """Loads models by reference.

    Args:
        source: Where their files are.
        runtimes: Makes a runtime out of a model file.
        codecs: Makes the codec of a signature and its limits.
    """

    def __init__(
        self,
        source: ArtifactSource,
        runtimes: RuntimeFactory,
        codecs: Callable[[Signature, Limits], InferenceCodec],
    ) -> None:
        self._source = source
        self._runtimes = runtimes
        self._codecs = codecs

    def load(self, ref: ModelRef) -> Model:
        """Read, check, build and prove a model.

        Raises:
            ArtifactError: a file is missing, or is not the one that the registry recorded, or
                the pair that it is half of is not the one that the reference names.
            IncompatibleRuntimeError: the libraries do not fit, or the sample is not reproduced.
            UnavailableError: the files cannot be read at the moment.
        """
        started = time.perf_counter()
        manifest = self._manifest(ref)
        content = self._checked(ref, ref.runtime.filename, ref.digest)
        runtime = self._runtimes(ref.runtime, content, manifest)
        codec = self._codecs(manifest.signature, manifest.limits)
        model = Model(ref, manifest, runtime, codec, self._sample(manifest, codec))
        model.verify()
        load_ms = (time.perf_counter() - started) * 1000
        return msgspec.structs.replace(model, load_ms=round(load_ms, 3))

    def _checked(self, ref: ModelRef, filename: str, digest: str) -> bytes:
        content = self._source.read(ref, filename)
        if digest_bytes(content) != digest:
            raise ArtifactError(
                f"{filename} of {ref.model} {ref.version} is not the one that the registry recorded"
            )
        return content

    def _manifest(self, ref: ModelRef) -> Manifest:
        content = self._checked(ref, MANIFEST, ref.manifest_digest)
        try:
            manifest = msgspec.json.decode(content, type=Manifest)
        except msgspec.MsgspecError as error:
            raise ArtifactError(f"{MANIFEST} of {ref.model} {ref.version}: {error}") from error
        if manifest.model != ref.model:
            raise ArtifactError(f"{MANIFEST} of {ref.model} is that of {manifest.model}")
        if manifest.files.get(ref.runtime.filename) != ref.digest:
            raise ArtifactError(f"{MANIFEST} of {ref.model} {ref.version} names another model file")
        check_manifest(ref, manifest)
        return manifest

    def _sample(self, manifest: Manifest, codec: InferenceCodec) -> Question:
        """The recorded rows, read like any request, whatever the limits of the model are."""
        body = msgspec.json.encode({"records": manifest.sample.records})
        try:
            try:
                return codec.decode(body)
            except TooLargeError:
                return self._codecs(manifest.signature, Limits()).decode(body)
        except RejectedError as error:
            raise ArtifactError(
                f"the recorded sample does not fit the signature: {error}"
            ) from error
