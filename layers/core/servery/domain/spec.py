"""The model spec: everything that a user says about a model, typed. Rules are in `spec_rules`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from servery.domain.digest import digest_value
from servery.domain.keeping_rules import Retirement, Retraining
from servery.domain.names import ColumnName, ModelName
from servery.domain.personal import INPUT, OUTPUT, Personal, Treatment
from servery.domain.pipeline_spec import Pipeline
from servery.domain.release_rules import ReleaseRules
from servery.domain.search_spec import Search
from servery.domain.serving import Limits, Mode
from servery.domain.signature import Dtype, Task
from servery.domain.watch_rules import Monitor

Sentence = Annotated[str, Meta(min_length=1, max_length=500)]


SPOKEN = (Task.CLASSIFICATION, Task.REGRESSION)
"""The tasks that a spec can name."""


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    IGNORED = "ignored"


class OnFault(StrEnum):
    """The service level of training: what a system fault asks for."""

    RETRY_AND_ALERT = "retry_and_alert"
    RECORD_AND_WAIT = "record_and_wait"


class Rerun(StrEnum):
    """What becomes of a file that a model has predicted before."""

    ALL = "all"
    FAILED = "failed"
    NONE = "none"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Column(_Part, frozen=True, kw_only=True):
    """One column of the data.

    Attributes:
        name: As in the file's header.
        dtype: float, int, bool or string.
        role: feature (default), target, id (kept with the data set, no
            input of the model) or ignored.
        unit: Unit of measure, `1` for none; every feature and target has one.
        range: Lowest and highest allowed value, both inclusive.
        categories: The only allowed values.
        nullable: Whether the value may be missing.
        personal: Whether the value is about a person; `true` leaves it out of the prediction
            log, `hash` puts a hash with a secret key in its place.
        description: For people.
    """

    name: ColumnName
    dtype: Dtype
    role: Role = Role.FEATURE
    unit: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    range: tuple[float, float] | None = None
    categories: list[str | int] | None = None
    nullable: bool = False
    personal: bool | Literal["hash"] = False
    description: str = ""


class Data(_Part, frozen=True, kw_only=True):
    """Where the data is and what is in it.

    Attributes:
        uri: `s3://bucket/key`, or a path beside the spec that the command line uploads.
        format: csv (header in the first line) or parquet.
        target: Name of the column to predict.
        columns: Every column of the file.
        max_rejected: Share of rows that may be bad before training is refused, 0 to 1.
    """

    uri: Annotated[str, Meta(min_length=1, max_length=1024)]
    format: Literal["csv", "parquet"] = "csv"
    target: ColumnName
    columns: Annotated[list[Column], Meta(min_length=2, max_length=2000)]
    max_rejected: Annotated[float, Meta(ge=0, le=1)] = 0.1


class Split(_Part, frozen=True, kw_only=True):
    """How the data is parted into training and test rows.

    Attributes:
        test_fraction: Share of the rows that are kept for the test.
        seed: Of the shuffle.
        stratify: Keep the shares of the classes (classification only).
    """

    test_fraction: Annotated[float, Meta(gt=0, lt=1)] = 0.25
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    stratify: bool = True


class Step(_Part, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """One class out of the allow-list with its parameters (plain values only)."""

    class_path: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=200)]
    params: dict[str, Any] = {}


class ColumnSteps(_Part, frozen=True, kw_only=True):
    """Preprocessing of some columns: the steps one after the other; none passes them through."""

    columns: Annotated[list[ColumnName], Meta(min_length=1)]
    steps: list[Step] = []


class Gates(_Part, frozen=True, kw_only=True):
    """What a training must reach before it is registered; figures on the test rows.

    Attributes:
        minimum: Lowest acceptable value of the metric (for metrics where more is better).
        maximum: Highest acceptable value of the metric (for errors, where less is better).
        latency_p99_ms: Highest acceptable p99 of one row in the chosen runtime, milliseconds.
        size_mb: Largest acceptable artifact, in MB (10**6 bytes).
    """

    minimum: float | None = None
    maximum: float | None = None
    latency_p99_ms: Annotated[float, Meta(gt=0)] | None = None
    size_mb: Annotated[float, Meta(gt=0)] | None = None


class Serving(_Part, frozen=True, kw_only=True):
    """How the model is served when it is released.

    Attributes:
        mode: `load` (the server fetches the model) or `image` (the model is in its package).
        deadline_ms: How long a caller waits at the most.
        limits: Rows and bytes of one request.
        second_stage: Name of a heavier model that answers the same requests later, behind a
            queue; this one answers at once (`staged`).
    """

    mode: Mode = Mode.LOAD
    deadline_ms: Annotated[int, Meta(ge=50, le=28_000)] = 10_000
    limits: Limits = msgspec.field(default_factory=Limits)
    second_stage: ModelName | None = None


class Log(_Part, frozen=True, kw_only=True):
    """The prediction log.

    Attributes:
        sample: Share of the requests that are logged, 0 to 1; failures always are.
    """

    sample: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Schedule(_Part, frozen=True, kw_only=True):
    """When training runs by itself, and what a system fault asks for then.

    Attributes:
        every_hours: Hours between two trainings; none means by hand only.
        on_fault: Retry and alert, or record and wait for the next.
    """

    every_hours: Annotated[int, Meta(ge=1, le=24 * 366)] | None = None
    on_fault: OnFault = OnFault.RETRY_AND_ALERT


class BatchSchedule(_Part, frozen=True, kw_only=True):
    """Files that are predicted without anybody dropping them.

    Attributes:
        every_hours: Hours between two looks.
        source: Where they are: `s3://bucket/scores/day={day}/`, a prefix in which `{day}`
            becomes each day of the range, `2026-03-01`.
        days: How many days, back from yesterday, the range has; what was predicted before is
            not predicted again.
    """

    every_hours: Annotated[int, Meta(ge=1, le=24 * 366)]
    source: Annotated[str, Meta(pattern=r"^s3://[a-z0-9][a-z0-9.-]+/.+$", max_length=1024)]
    days: Annotated[int, Meta(ge=1, le=366)] = 1


class BatchRules(_Part, frozen=True, kw_only=True):
    """How files of rows are predicted, where a file's submitter does not say otherwise.

    Attributes:
        output: Format of the output; `same` as the input.
        id_columns: Columns that are passed through, beside those with the role `id`.
        max_rejected: Share of rows that may be bad before the batch has failed, 0 to 1.
        rerun: What becomes of a file that was predicted before.
        stale_after_days: Age of the model after which its batches are flagged.
        schedule: Files that are predicted by themselves.
    """

    output: Literal["same", "csv", "jsonl", "parquet"] = "same"
    id_columns: list[ColumnName] = []
    max_rejected: Annotated[float, Meta(ge=0, le=1)] = 0.1
    rerun: Rerun = Rerun.FAILED
    stale_after_days: Annotated[int, Meta(ge=1)] = 90
    schedule: BatchSchedule | None = None


class PairExport(_Part, frozen=True, kw_only=True):
    """Preprocessing and prediction as two model servers, each with its own versions and size.

    Attributes:
        preprocessor: Name of the model that the preprocessing becomes. The model itself becomes
            the predictor, whose inputs are the features.
    """

    preprocessor: ModelName


class ModelSpec(_Part, frozen=True, kw_only=True):
    """What a user says about a model, whole."""

    name: ModelName
    owner: Annotated[str, Meta(min_length=1, max_length=100)]
    task: Task
    data: Data
    estimator: Step
    metric: str
    description: str = ""
    split: Split = msgspec.field(default_factory=Split)
    preprocessing: Literal["auto"] | list[ColumnSteps] = "auto"
    gates: Gates = msgspec.field(default_factory=Gates)
    serving: Serving = msgspec.field(default_factory=Serving)
    log: Log = msgspec.field(default_factory=Log)
    monitor: Monitor = msgspec.field(default_factory=Monitor)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    release: ReleaseRules = msgspec.field(default_factory=ReleaseRules)
    retire: Retirement = msgspec.field(default_factory=Retirement)
    retrain: Retraining = msgspec.field(default_factory=Retraining)
    batch: BatchRules = msgspec.field(default_factory=BatchRules)
    pair: PairExport | None = None
    pipeline: Pipeline = msgspec.field(default_factory=Pipeline)
    search: Search | None = None

    @property
    def features(self) -> list[Column]:
        """The columns that the model sees, in the order of the spec."""
        return [c for c in self.data.columns if c.role is Role.FEATURE]

    @property
    def target(self) -> Column:
        """The column to predict."""
        return next(c for c in self.data.columns if c.name == self.data.target)

    def logic_digest(self) -> str:
        """Digest of what the spec says about the logic: preprocessing, estimator, parameters."""
        paired = [] if self.pair is None else [self.pair]
        return digest_value([self.preprocessing, self.estimator, self.task, *paired])

    def preprocessing_digest(self) -> str:
        """Digest of what the spec says about the preprocessing alone.

        What is usual (`auto`) depends on the estimator's class, not on its parameters.
        """
        usual = self.estimator.class_path if self.preprocessing == "auto" else ""
        return digest_value([self.preprocessing, usual])


class _Marked(msgspec.Struct):
    name: str = ""
    role: Role = Role.FEATURE
    personal: bool | Literal["hash"] = False


def unlogged(spec: dict[str, Any]) -> list[str]:
    """What of a request is about persons, in whole or in part: `input`, `output`.

    Args:
        spec: As it is kept with a training; of one that cannot be read, both are.
    """
    columns = _marked(spec)
    if columns is None:
        return [INPUT, OUTPUT]
    roles = {column.role for column in columns if column.personal}
    parts = ((INPUT, Role.FEATURE), (OUTPUT, Role.TARGET))
    return [part for part, role in parts if role in roles]


def personal(spec: dict[str, Any], inputs: Sequence[str]) -> Personal:
    """What becomes of the fields that are about persons, where they are inputs of the model.

    Args:
        spec: As it is kept with a training.
        inputs: Of the signature, in its order. Where a marked feature is none of them, as with
            features of a preprocessor, nobody knows which of them repeat it, and none is named.
    """
    marked = [column for column in _marked(spec) or [] if column.personal]
    fields = {c.name: _treatment(c) for c in marked if c.role is Role.FEATURE}
    target = next((_treatment(c) for c in marked if c.role is Role.TARGET), None)
    known = fields.keys() <= set(inputs)
    return Personal(fields=fields if known else {}, target=target, inputs=list(inputs))


def _treatment(column: _Marked) -> Treatment:
    return Treatment.HASH if column.personal == "hash" else Treatment.OMIT


def _marked(spec: dict[str, Any]) -> list[_Marked] | None:
    try:
        return msgspec.convert(spec.get("data", {}).get("columns", []), list[_Marked])
    except (msgspec.ValidationError, AttributeError):
        return None


def spec_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the spec, for editors."""
    schema = msgspec.json.schema(ModelSpec)
    schema["$defs"]["Task"]["enum"] = [task.value for task in SPOKEN]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Servery model spec",
        **schema,
    }
