"""What each step works on, by digests, and how its result looks to another training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from servery.domain.pipeline_spec import StepName
from servery.domain.steps import before
from servery.usecases.training.messages import (
    Collected,
    CollectEvent,
    Evaluated,
    EvaluateEvent,
    Exported,
    ExportEvent,
    Preprocessed,
    PreprocessEvent,
    Registered,
    RegisterEvent,
    Trained,
    TrainEvent,
)

if TYPE_CHECKING:
    from servery.ports import ObjectStore


AnyResult = Collected | Preprocessed | Trained | Exported | Evaluated | Registered
Result = TypeVar("Result", bound=AnyResult)

RESULTS: dict[StepName, type[AnyResult]] = {
    StepName.COLLECT: Collected,
    StepName.PREPROCESS: Preprocessed,
    StepName.TRAIN: Trained,
    StepName.EXPORT: Exported,
    StepName.EVALUATE: Evaluated,
    StepName.REGISTER: Registered,
}


def step_of(event: CollectEvent) -> StepName:
    """Which step an event is for: that behind everything that it has the results of."""
    return next(name for name in reversed(StepName) if isinstance(event, EVENTS[name]))


EVENTS: dict[StepName, type[CollectEvent]] = {
    StepName.COLLECT: CollectEvent,
    StepName.PREPROCESS: PreprocessEvent,
    StepName.TRAIN: TrainEvent,
    StepName.EXPORT: ExportEvent,
    StepName.EVALUATE: EvaluateEvent,
    StepName.REGISTER: RegisterEvent,
}


def inputs_of(event: CollectEvent, uri: str, store: ObjectStore) -> list[str]:
    """Digests of what the step of an event works on.

    Figures that were measured are as good as the run that measured them, which stands for them.

    Args:
        event: The state in front of the step.
        uri: Where the raw data is.
        store: Knows whether that is another than before.

    Raises:
        InvalidInputError: there is no raw data (Collect only).
    """
    if not isinstance(event, PreprocessEvent):
        return [uri, store.stamp(uri)]
    found = [event.collect.dataset]
    if isinstance(event, TrainEvent):
        found.append(event.preprocess.split)
    if isinstance(event, ExportEvent):
        found.append(event.train.digest)
    if isinstance(event, EvaluateEvent):
        made = event.export
        found += [made.runtime, made.digest, made.preprocessor, event.exported_by]
    if isinstance(event, RegisterEvent):
        found += [
            event.collect.source_uri,
            event.collect.source_digest,
            event.preprocess.baseline,
            event.trained_by,
            event.evaluated_by,
            event.experiment,
        ]
    return found


def earlier(event: CollectEvent) -> dict[StepName, AnyResult]:
    """The results that an event has, by their steps."""
    return {name: getattr(event, name.value) for name in before(step_of(event))}


def as_seen(result: Result, training_id: str) -> Result:
    """A result as it looks from another training than the one that has it."""
    changes: dict[str, Any] = {"skipped": True, "source": result.source or training_id}
    if isinstance(result, Trained | Exported | Evaluated):
        changes["work"] = result.work or training_id
    return msgspec.structs.replace(result, **changes)
