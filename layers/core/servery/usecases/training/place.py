"""Place: whether the train step fits into a Lambda, or goes to AWS Batch, and with what.

AWS Batch hands nothing back but how a job's container ended. So what the step is to work on, and
why it refused where it did, lie beside the training; what it made has its memo, as always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from servery.domain.pipeline_spec import StepName
from servery.domain.records import StepRecord, StepState
from servery.domain.spec_rules import read_spec
from servery.errors import ArtifactError, FaultError, RejectedError
from servery.usecases.training import keys
from servery.usecases.training.messages import TrainEvent

if TYPE_CHECKING:
    from servery.ports import ObjectStore

_MB = 10**6
_MINUTE_S = 60
_STARTING_S = 2 * 60 * 60


class PlaceEvent(TrainEvent, frozen=True, kw_only=True):
    """The state behind Preprocess.

    Attributes:
        job: What AWS Batch says of the job; None before there was one.
    """

    job: dict[str, Any] | None = None


class Placed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the train step goes.

    Attributes:
        large: Whether to AWS Batch; all that follows is about the job then.
        event: Key of what the step is to work on.
        vcpus: Processors.
        memory_mb: Memory, MiB.
        seconds: Longest time of one attempt.
        patience_s: Longest time of the whole job, with that until a machine is there.
    """

    large: bool
    event: str = ""
    vcpus: int = 0
    memory_mb: int = 0
    seconds: int = 0
    patience_s: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why the step refused its input, as the job left it."""

    reason: str


class Kept(Protocol):
    """Knows what was made before."""

    def __call__(self, event: TrainEvent) -> bool:
        """Whether the train step would find its result already there."""
        ...


def place(event: PlaceEvent, *, store: ObjectStore, kept: Kept, has_batch: bool) -> Placed:
    """Say where the train step goes; asked again behind the job, whether its result is there.

    Args:
        event: The state behind Preprocess, or behind the job.
        store: The artifacts bucket.
        kept: Knows what was made before: that is not made again, wherever it was made.
        has_batch: Whether this stack has AWS Batch.

    Raises:
        RejectedError: the rows are too large for a Lambda and there is no AWS Batch here; or the
            step refused its input.
        FaultError: the job has ended without a result.
    """
    large = read_spec(event.spec).pipeline.large
    size = event.preprocess.train_bytes
    if large is None or size <= large.above_mb * _MB or kept(event):
        return Placed(large=False)
    if event.job is not None:
        raise _without_result(event, store)
    if not has_batch:
        raise RejectedError(
            f"the training rows have {size / _MB:.1f} MB; above {large.above_mb:g} MB the spec "
            "asks for AWS Batch, which this stack does not have: deploy it with TrainingImage, "
            "or raise pipeline.large.above_mb in the spec"
        )
    key = keys.training(event.training_id, "large.json")
    store.put(key, msgspec.json.encode(event))
    seconds = large.minutes * _MINUTE_S
    return Placed(
        large=True,
        event=key,
        vcpus=large.vcpus,
        memory_mb=large.memory_mb,
        seconds=seconds,
        patience_s=seconds + _STARTING_S,
    )


def refuse(training_id: str, reason: str, *, store: ObjectStore) -> None:
    """Leave word, from within the job, why the step refused its input."""
    store.put(_refusal(training_id), msgspec.json.encode(Refusal(reason=reason)))


def _without_result(event: PlaceEvent, store: ObjectStore) -> RejectedError | FaultError:
    key = _refusal(event.training_id)
    if store.exists(key):
        return RejectedError(msgspec.json.decode(store.get(key), type=Refusal).reason)
    if _says_done(event.training_id, store):
        return FaultError(
            "the job of AWS Batch has made a model with other code or other libraries than this "
            "stack has: build the image anew (infra/image/assemble_training.py) and deploy it as "
            "TrainingImage"
        )
    return FaultError("the job of AWS Batch has ended and left no model")


def _says_done(training_id: str, store: ObjectStore) -> bool:
    """Whether the job told that its step is done, though under a digest that is not looked for."""
    try:
        content = store.get(keys.step(training_id, StepName.TRAIN))
        return msgspec.json.decode(content, type=StepRecord).state is StepState.DONE
    except (ArtifactError, msgspec.MsgspecError):
        return False


def _refusal(training_id: str) -> str:
    return keys.training(training_id, "large-refused.json")
