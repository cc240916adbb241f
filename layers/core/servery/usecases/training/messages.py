"""What the steps of `batch_training` hand on: keys, digests and counts; data goes through S3.

The execution's state is one object that grows by the result of each step, under the name of
the step. Each event names the part of it that its step reads.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from servery.domain.manifest import Runtime
from servery.domain.records import Outcome
from servery.domain.spec import MODEL_NAME

TrainingId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,80}$(?!\n)")]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Collected(_Message, frozen=True, kw_only=True):
    """The data set as it is stored: its digest, where it came from, how many rows were good."""

    dataset: str
    source_uri: str
    source_digest: str
    read: int
    rejected: int


class Preprocessed(_Message, frozen=True, kw_only=True):
    """The stored split: its digest, the rows of its parts, the digest of the baseline."""

    split: str
    train_rows: int
    test_rows: int
    baseline: str


class Trained(_Message, frozen=True, kw_only=True):
    """The fitted pipeline: digest of the joblib file, and what the libraries warned of."""

    digest: str
    warnings: list[str] = []


class Exported(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """The proven model: which runtime, why, and the digest and size of its file.

    Of a pair, the digest is the predictor's, `preprocessor` that of the other half, and the size
    is that of both.
    """

    runtime: Runtime
    runtime_reason: str
    digest: str
    size_bytes: int
    preprocessor: str = ""


class Evaluated(_Message, frozen=True, kw_only=True):
    """The figures on the test rows, and what the gates say."""

    passed: bool
    reasons: list[str]
    metrics: dict[str, float]


class RegisteredHalf(_Message, frozen=True, kw_only=True):
    """What the preprocessor of a pair became in the registry: a model with its own versions."""

    model: str
    version: str
    training: str
    pair: str


class Registered(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the training became in the registry; of a pair, the predictor and its other half."""

    version: str
    training: str
    preprocessor: RegisteredHalf | None = None


class CollectEvent(_Message, frozen=True, kw_only=True):
    """Input of the execution, as far as the first step reads it."""

    training_id: TrainingId
    spec: dict[str, Any]

    @property
    def model(self) -> str:
        """What the spec, which may not be checked yet, calls the model."""
        return model_in(self.spec)


class PreprocessEvent(CollectEvent, frozen=True, kw_only=True):
    """The state behind Collect."""

    collect: Collected


class TrainEvent(PreprocessEvent, frozen=True, kw_only=True):
    """The state behind Preprocess."""

    preprocess: Preprocessed


class ExportEvent(TrainEvent, frozen=True, kw_only=True):
    """The state behind Train."""

    train: Trained


class EvaluateEvent(ExportEvent, frozen=True, kw_only=True):
    """The state behind Export."""

    export: Exported


class RegisterEvent(EvaluateEvent, frozen=True, kw_only=True):
    """The state behind Evaluate."""

    evaluate: Evaluated


class Caught(_Message, frozen=True, kw_only=True, rename="pascal"):
    """What a Catch leaves: the name of the error and its cause."""

    error: str
    cause: str = ""


class RecordEvent(_Message, frozen=True, kw_only=True):
    """How far a training came.

    Attributes:
        run: The state of the execution: its input and the results of the steps, under their
            names; `error` where a step failed.
        started: ISO 8601, UTC.
    """

    run: dict[str, Any]
    started: str

    @property
    def training_id(self) -> str:
        """Name of the training."""
        return str(self.run.get("training_id", ""))

    @property
    def model(self) -> str:
        """Name of the model."""
        return model_in(self.run.get("spec"))


class Recorded(_Message, frozen=True, kw_only=True):
    """The output of the execution: how the training ended.

    Attributes:
        outcome: registered, refused or failed.
        model: Name of the model.
        training_id: Name of the training.
        version: What it became (registered only).
        training: `trN` (registered only).
        preprocessor: What the other half became (a registered pair only).
        reasons: Sentences for a person.
        failed_step: The step that failed (failed only).
        metrics: On the test rows, where it came so far.
        rows: read, rejected, train, test, where it came so far.
        rejects: Key of the list of bad rows in the artifacts bucket, where there are some.
        runtime: What will serve (registered only), and `runtime_reason` why.
        alert: Whether somebody wants to be told (failed only).
        started: ISO 8601, UTC.
        finished: ISO 8601, UTC.
    """

    outcome: Outcome
    model: str
    training_id: str
    version: str = ""
    training: str = ""
    preprocessor: RegisteredHalf | None = None
    reasons: list[str] = []
    failed_step: str = ""
    metrics: dict[str, float] = {}
    rows: dict[str, int] = {}
    rejects: str = ""
    runtime: str = ""
    runtime_reason: str = ""
    alert: bool = False
    started: str = ""
    finished: str = ""


def model_in(spec: object) -> str:
    """The name in a spec that nobody has checked; empty where it has no proper one."""
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and re.fullmatch(MODEL_NAME, name) else ""
