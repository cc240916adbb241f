"""What the use cases need from the world, as Protocols; adapters and test fakes fill them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from servery.domain.deployment import Deployment, Server
    from servery.domain.inference import AnswerContext, Prediction, Question
    from servery.domain.manifest import Manifest, ModelRef, Runtime
    from servery.domain.records import (
        ModelRecord,
        RegisteredTraining,
        ReleaseRecord,
        TrainingRecord,
        VersionRecord,
    )
    from servery.domain.spec import Mode


class Clock(Protocol):
    """The time, so that a test can set it."""

    def now(self) -> datetime:
        """The time now, with its zone (UTC)."""
        ...


class ObjectStore(Protocol):
    """Bytes under keys in the artifacts bucket."""

    def get(self, key: str) -> bytes:
        """All bytes of an object; `ArtifactError` where there is none."""
        ...

    def fetch(self, uri: str) -> bytes:
        """All bytes of `s3://bucket/key`; `InvalidInputError` where there is none or no access."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys under a prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...


class Registry(Protocol):
    """Models, versions, trainings, deployments, releases and leases; conditional writes only."""

    def models(self) -> list[ModelRecord]:
        """All models, by name."""
        ...

    def model(self, name: str) -> ModelRecord:
        """One model; `NotFoundError` where there is none."""
        ...

    def put_model(self, record: ModelRecord) -> None:
        """Create a model or take over its newest spec; an older spec changes nothing."""
        ...

    def versions(self, model: str) -> list[VersionRecord]:
        """All versions of a model in their order (development and production)."""
        ...

    def version(self, model: str, version: str) -> VersionRecord:
        """One version; `NotFoundError` where there is none."""
        ...

    def add_version(self, record: VersionRecord) -> None:
        """Add a version that is new; `ConflictError` where the name is taken."""
        ...

    def trainings(self, model: str, version: str) -> list[RegisteredTraining]:
        """The registered trainings of a development version, tr0 first."""
        ...

    def add_training(self, training: RegisteredTraining) -> None:
        """Add tr0, tr1, ...; `ConflictError` where the name is taken."""
        ...

    def put_run(self, record: TrainingRecord) -> None:
        """Write the record of one run of training; the same run again replaces it in its place."""
        ...

    def runs(self, model: str, limit: int = 50, before: str = "") -> list[TrainingRecord]:
        """The last runs of training of a model, newest first; older than the run `before`.

        `NotFoundError` where there is no run `before`.
        """
        ...

    def run(self, model: str, training_id: str) -> TrainingRecord:
        """One run; `NotFoundError` where there is none."""
        ...

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        ...

    def deployments(self) -> list[Deployment]:
        """All deployments, by model."""
        ...

    def put_deployment(self, deployment: Deployment) -> None:
        """Write the next revision and its history entry in one transaction.

        `ConflictError` unless the stored revision is exactly one lower (or absent for 1).
        """
        ...

    def deployment_history(self, model: str, limit: int = 20, before: int = 0) -> list[Deployment]:
        """The last revisions, newest first; lower than the revision `before`."""
        ...

    def put_release(self, record: ReleaseRecord) -> None:
        """Write a release's record as it stands; `ConflictError` where it has ended already."""
        ...

    def release(self, model: str, release_id: str) -> ReleaseRecord:
        """One release; `NotFoundError` where there is none."""
        ...

    def releases(self, model: str, limit: int = 20, before: str = "") -> list[ReleaseRecord]:
        """The last releases of a model, newest first; with an id lower than `before`."""
        ...

    def take_lease(self, name: str, owner: str, *, seconds: float) -> None:
        """Take or renew a lease that is free, expired or ours.

        `ConflictError` where somebody else holds it; the sentence says who and for how long.
        """
        ...

    def end_lease(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens where it is not ours."""
        ...


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


class ModelServers(Protocol):
    """Calls model servers."""

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        """Send an event, wait for the answer.

        `DeadlineExceededError` after `timeout` seconds, `ThrottledError` when the platform
        takes no more, `ModelServerError` when the server crashed.
        """
        ...


class ServerPublisher(Protocol):
    """Publishes and removes model servers (Lambda versions of the predictor)."""

    def code(self, runtime: Runtime) -> str:
        """Identity of the code that a server published now would run."""
        ...

    def publish(self, ref: ModelRef, mode: Mode, release_id: str, image: str = "") -> Server:
        """Publish a server for a model; what the release published already is given back.

        All servers are published through one shared configuration, so the caller holds the
        lease `predictor`.

        Args:
            ref: The model; in image mode pinned whole, in load mode by name only.
            mode: How the model comes to the server.
            release_id: Makes the configuration, and so the published version, unique.
            image: Key of the zip with the model's package (image mode only).

        Raises:
            RetryableError: the platform is busy with another change.
        """
        ...

    def settle(self, server: Server) -> None:
        """Wait until a published server takes calls; `UnavailableError` where it takes too long.

        `FaultError` where the platform could not start it.
        """
        ...

    def sweep(self, model: str, keep: Collection[Server]) -> list[str]:
        """Delete the published servers and model layers of a model, but for those in `keep`.

        The caller holds the release lease of the model, so nobody is publishing for it.

        Returns:
            What was deleted, by name.
        """
        ...


class ReleaseQueue(Protocol):
    """Hands a recorded release to whoever carries it out."""

    def start(self, record: ReleaseRecord) -> None:
        """Start it in the background; `UnavailableError` where that cannot be done now."""
        ...


class TrainingQueue(Protocol):
    """Starts trainings."""

    def start(self, training_id: str, event: dict[str, object]) -> None:
        """Start the training state machine under the name of the training.

        `ConflictError` where a training of that name exists.
        """
        ...


class PredictionLog(Protocol):
    """Takes one line for each request; never slows the answer, never raises."""

    def record(self, line: bytes) -> None:
        """Queue one JSON line without its newline; what cannot be kept is counted as lost."""
        ...
