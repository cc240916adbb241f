"""What decides the output of a step of a training: two runs that agree in it make the same.

A step's digest is over its name, its inputs (by their digests), the parts of the spec that it
reads, the code that decides its output and the libraries that this works with.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from servery.domain.digest import digest_value
from servery.domain.pipeline_spec import StepName

if TYPE_CHECKING:
    from servery.domain.spec import Column, ModelSpec

ORDER = tuple(StepName)

Moment = Annotated[datetime, Meta(tz=True)]

# What a registered model neither says nor does: when it is trained next, and how it is looked for.
_OF_TRAINING_ONLY = ("pipeline", "schedule", "search")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """With what a step works.

    Attributes:
        code: Digest of the code that decides its output.
        libraries: Name to version of what that works with.
    """

    code: str
    libraries: dict[str, str]


class Memo(msgspec.Struct, frozen=True, kw_only=True):
    """What a step made, kept under its digest.

    Attributes:
        result: The step's message.
        training_id: The training that made it; `trainings/{training_id}/` has its files.
        files: Keys of everything that it wrote; without them the memo is worth nothing.
        made: ISO 8601, UTC.
        seconds: How long it took.
        memory_mb: Memory of its function, MiB; 0 where no function made it.
        cost_usd: At the list price of the function.
    """

    result: dict[str, Any]
    training_id: str
    files: list[str]
    made: str
    seconds: float
    memory_mb: int
    cost_usd: float


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The last output of a step for a model, with the outputs that it came from.

    Attributes:
        results: Step to its message, of the first step up to this one.
        training_id: The training that ran the step, or found it unchanged.
        reads: As `chain_digest` makes it.
        files: Keys of what the step wrote.
        made: When the step was last run, or found unchanged.
    """

    results: dict[StepName, dict[str, Any]]
    training_id: str
    reads: str
    files: list[str]
    made: Moment


def before(step: StepName) -> tuple[StepName, ...]:
    """The steps in front of a step, in their order."""
    return ORDER[: ORDER.index(step)]


def up_to(step: StepName) -> tuple[StepName, ...]:
    """The steps in front of a step, and itself."""
    return (*before(step), step)


def step_digest(step: StepName, *, inputs: list[str], spec: ModelSpec, means: Means) -> str:
    """The name of everything that decides the output of a step.

    Args:
        step: Which.
        inputs: Digests of what it works on.
        spec: What is trained.
        means: With what it works.
    """
    return digest_value([step, inputs, reads(step, spec), means.code, means.libraries])


def chain_digest(step: StepName, spec: ModelSpec) -> str:
    """Digest of the parts of a spec that a step reads, and those in front of it.

    Where the data are is one of them: what they are is not, since an output is kept although they
    have changed there.
    """
    return digest_value([spec.data.uri, *(reads(name, spec) for name in up_to(step))])


def reads(step: StepName, spec: ModelSpec) -> Any:  # noqa: ANN401 - plain values, to be digested
    """The parts of a spec that a step reads."""
    match step:
        case StepName.COLLECT:
            return [spec.data.format, spec.data.max_rejected, _values(spec)]
        case StepName.PREPROCESS:
            return [spec.task, spec.data.target, spec.split, _values(spec)]
        case StepName.TRAIN:
            return [*_interface(spec), spec.preprocessing, spec.estimator, spec.pair]
        case StepName.EXPORT:
            return [*_interface(spec), spec.pair]
        case StepName.EVALUATE:
            return [*_interface(spec), spec.metric, spec.gates]
        case StepName.REGISTER:
            kept: dict[str, Any] = msgspec.to_builtins(spec)
            return {name: part for name, part in kept.items() if name not in _OF_TRAINING_ONLY}


def _interface(spec: ModelSpec) -> list[Any]:
    """What the signature is made of: the personal marks of columns are no part of it."""
    columns: list[dict[str, Any]] = msgspec.to_builtins(spec.data.columns)
    told = [{k: v for k, v in column.items() if k != "personal"} for column in columns]
    return [spec.task, spec.data.target, told]


def _values(spec: ModelSpec) -> list[list[Any]]:
    """What the values of the columns may be."""
    return [_value(column) for column in spec.data.columns]


def _value(column: Column) -> list[Any]:
    allowed = [column.range, column.categories, column.nullable]
    return [column.name, column.dtype, column.role, *allowed]
