"""From what a version came and where it went: typed parts, in the order of its life."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.changes import Change
from servery.domain.manifest import Runtime
from servery.domain.pipeline_spec import StepName
from servery.domain.records import Outcome, StepRecord
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.serving import Mode


class _View(msgspec.Struct, frozen=True, kw_only=True):
    pass


class DataOrigin(_View, frozen=True, kw_only=True):
    """The rows.

    Attributes:
        uri: Where the raw data was.
        source_digest: SHA-256 (hex) of the raw bytes.
        dataset: SHA-256 (hex) of the good rows, whatever file they came in.
        key: Where they are kept, in the artifacts bucket.
        rows_read: Rows of the raw data; None where nobody kept the count.
        rows_rejected: Of them, those that were left out.
    """

    uri: str
    source_digest: str
    dataset: str
    key: str
    rows_read: int | None = None
    rows_rejected: int | None = None


class SplitOrigin(_View, frozen=True, kw_only=True):
    """Which rows were trained on and which were kept for the test.

    Attributes:
        split: SHA-256 (hex) of the rows' digest and of each row's side.
        key: Where both parts are kept, in the artifacts bucket.
        test_fraction: As the spec says.
        seed: As the spec says.
        stratify: As the spec says.
        train_rows: None where nobody kept the count.
        test_rows: None where nobody kept the count.
    """

    split: str
    key: str
    test_fraction: float
    seed: int
    stratify: bool
    train_rows: int | None = None
    test_rows: int | None = None


class TrainingOrigin(_View, frozen=True, kw_only=True):
    """The run that made the model.

    Attributes:
        training_id: Name of it.
        origin: training, search, or how the model was imported.
        outcome: How it ended; None where its record is not there.
        started: ISO 8601, UTC; empty without a record.
        finished: ISO 8601, UTC; empty without a record.
        steps: What became of each step, and from which training the output of a skipped one is.
        estimator: Class of the estimator.
        parameters: Of the estimator.
        preprocessing: As the spec says.
        libraries: Name to version.
        code: Digest of the library that trained it.
        logic: Digest of the part of it that decides what a model is; empty where it was not kept.
        metrics: On the test rows.
    """

    training_id: str
    origin: str
    outcome: Outcome | None
    started: str
    finished: str
    steps: dict[StepName, StepRecord]
    estimator: str
    parameters: dict[str, Any]
    preprocessing: Any
    libraries: dict[str, str]
    code: str
    logic: str
    metrics: dict[str, float]


class VersionOrigin(_View, frozen=True, kw_only=True):
    """The artifact.

    Attributes:
        version: Development version or experiment.
        training: `trN` of it.
        stage: experiment or development.
        created: ISO 8601, UTC.
        follows: The version before, and
        changes: what is another than there.
        runtime: What computes.
        digest: SHA-256 (hex) of the model file.
        manifest_digest: SHA-256 (hex) of the manifest that says all this.
        prefix: Where it is, in the artifacts bucket.
        partner: Name of the other half's model; empty for a whole model.
        pair: Id of the pair.
    """

    version: str
    training: str
    stage: str
    created: str
    follows: str
    changes: list[Change]
    runtime: Runtime
    digest: str
    manifest_digest: str
    prefix: str
    partner: str = ""
    pair: str = ""


class ReleaseOrigin(_View, frozen=True, kw_only=True):
    """A release of this training."""

    id: str
    kind: ReleaseKind
    state: ReleaseState
    released_as: str
    mode: str
    started: str
    finished: str
    reason: str


class Serving(_View, frozen=True, kw_only=True):
    """Who serves it now.

    Attributes:
        role: champion, last_good or candidate.
        version: The version under which it answers.
        function: The model server.
        code: Identity of the code that it runs.
        mode: How the model came to it.
        revision: Of the deployment.
        since: When the deployment was last changed; ISO 8601, UTC.
    """

    role: str
    version: str
    function: str
    code: str
    mode: Mode
    revision: int
    since: str


class LineageView(_View, frozen=True, kw_only=True):
    """The life of one training of a version, from its data to whoever serves it.

    Attributes:
        model: Name of the model.
        asked: The version that was asked for: the development version, an experiment, or a
            production version.
        data: The rows.
        split: Their two parts.
        training: The run.
        version: What it became.
        production: The production versions that were made of it, oldest first.
        releases: Its releases, oldest first; rolls onto new code apart.
        serving: Who serves it now.
    """

    model: str
    asked: str
    data: DataOrigin
    split: SplitOrigin
    training: TrainingOrigin
    version: VersionOrigin
    production: list[str]
    releases: list[ReleaseOrigin]
    serving: list[Serving]
