"""What the steps of a training hand on: keys, digests and counts; data goes through S3.

The execution's state is one object that grows by the result of each step, under the name of
the step. Each event names the part of it that its step reads.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from servery.domain.manifest import Runtime
from servery.domain.names import MODEL_NAME
from servery.domain.pipeline_spec import StepName
from servery.domain.records import Outcome, StepRecord
from servery.domain.steps import Moment
from servery.domain.versioning import EXPERIMENT_NAME

TrainingId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,80}$(?!\n)")]
Experiment = Annotated[str, Meta(pattern=f"^$(?!\n)|{EXPERIMENT_NAME}")]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    pass


class _Result(_Message, frozen=True, kw_only=True, omit_defaults=True, rename={"source": "from"}):
    """What a step answers with.

    Attributes:
        skipped: Whether it did nothing, since its output was there already.
        source: The training that made the output (skipped only); `from` in JSON.
    """

    skipped: bool = False
    source: str = ""


class _Filed(_Result, frozen=True, kw_only=True):
    """What a step answers with that leaves files beside the training.

    Attributes:
        work: The training beside which the files are; empty where that is the very one.
    """

    work: str = ""


class Collected(_Result, frozen=True, kw_only=True):
    """The data set as it is stored: its digest, where it came from, how many rows were good."""

    dataset: str
    source_uri: str
    source_digest: str
    read: int
    rejected: int


class Preprocessed(_Result, frozen=True, kw_only=True):
    """The stored split: its digest, the rows of its parts, the digest of the baseline.

    Attributes:
        split: SHA-256 of who went where.
        train_rows: Rows to be trained on.
        test_rows: Rows that are held out.
        baseline: SHA-256 of the description of the training rows.
        train_bytes: Size of the training rows as they are stored.
    """

    split: str
    train_rows: int
    test_rows: int
    baseline: str
    train_bytes: int = 0


class Trained(_Filed, frozen=True, kw_only=True):
    """The fitted pipeline: digest of the joblib file, and what the libraries warned of."""

    digest: str
    warnings: list[str] = []


class Exported(_Filed, frozen=True, kw_only=True):
    """The proven model: which runtime, why, and the digest and size of its file.

    Of a pair, the digest is the predictor's, `preprocessor` that of the other half, and the size
    is that of both.
    """

    runtime: Runtime
    runtime_reason: str
    digest: str
    size_bytes: int
    preprocessor: str = ""


class Evaluated(_Filed, frozen=True, kw_only=True):
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


class Registered(_Result, frozen=True, kw_only=True):
    """What the training became in the registry; of a pair, the predictor and its other half."""

    version: str
    training: str
    preprocessor: RegisteredHalf | None = None


class CollectEvent(_Message, frozen=True, kw_only=True):
    """Input of the execution, as far as the first step reads it.

    Attributes:
        training_id: Name of the training.
        spec: What is trained, unchecked.
        origin: Who asked: `cli`, `schedule`, `search` ...
        reuse: Whether a step whose inputs, parameters, code and libraries are those of an earlier
            run answers with what that made.
        until: The last step that is run; None for all.
        only: The one step that is run, on what the steps before it made last; None for all.
        keep: Step to a time (ISO 8601); its last output, with all that it came from, is kept as
            long as it is not older, whatever the data have become.
        experiment: The free name under which the result is kept, in place of a version.
    """

    training_id: TrainingId
    spec: dict[str, Any]
    origin: str = ""
    reuse: bool = False
    until: StepName | None = None
    only: StepName | None = None
    keep: dict[StepName, Moment] = {}
    experiment: Experiment = ""

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

    @property
    def trained_by(self) -> str:
        """The training beside which the fitted pipeline is."""
        return self.train.work or self.training_id


class EvaluateEvent(ExportEvent, frozen=True, kw_only=True):
    """The state behind Export."""

    export: Exported

    @property
    def exported_by(self) -> str:
        """The training beside which the proven model is."""
        return self.export.work or self.training_id

    @property
    def served_from(self) -> str:
        """The training beside which the file is that will serve: a joblib file was trained."""
        return self.exported_by if self.export.runtime is Runtime.ONNX else self.trained_by


class RegisterEvent(EvaluateEvent, frozen=True, kw_only=True):
    """The state behind Evaluate."""

    evaluate: Evaluated

    @property
    def evaluated_by(self) -> str:
        """The training beside which the figures are."""
        return self.evaluate.work or self.training_id


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
        outcome: registered, refused, failed, or done (the steps that were asked for).
        model: Name of the model.
        training_id: Name of the training.
        version: What it became (registered only).
        training: `trN` (registered only).
        preprocessor: What the other half became (a registered pair only).
        steps: What became of each step that was begun.
        reasons: Sentences for a person.
        failed_step: The step that failed (failed only).
        metrics: On the test rows, where it came so far.
        rows: read, rejected, train, test, where it came so far.
        rejects: Key of the list of bad rows in the artifacts bucket, where there are some.
        runtime: What will serve (registered only), and `runtime_reason` why.
        release: Whether it is released by itself (registered only).
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
    steps: dict[StepName, StepRecord] = {}
    reasons: list[str] = []
    failed_step: str = ""
    metrics: dict[str, float] = {}
    rows: dict[str, int] = {}
    rejects: str = ""
    runtime: str = ""
    runtime_reason: str = ""
    release: bool = False
    alert: bool = False
    started: str = ""
    finished: str = ""


def model_in(spec: object) -> str:
    """The name in a spec that nobody has checked; empty where it has no proper one."""
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and re.fullmatch(MODEL_NAME, name) else ""
