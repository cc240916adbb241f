"""Record: how a training ended, whatever came of it, and what starts it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from servery.domain.pipeline_spec import StepName
from servery.domain.records import Outcome, StepRecord, StepState, TrainingRecord
from servery.domain.release_rules import is_automatic
from servery.domain.spec import OnFault
from servery.errors import ArtifactError, ConflictError, UnavailableError
from servery.usecases.training import keys
from servery.usecases.training.messages import (
    Caught,
    Collected,
    Evaluated,
    Exported,
    Preprocessed,
    Recorded,
    RecordEvent,
    Registered,
    Trained,
)

if TYPE_CHECKING:
    from servery.ports import Clock, ObjectStore, Registry

T = TypeVar("T")
_STEPS = {
    "collect": Collected,
    "preprocess": Preprocessed,
    "train": Trained,
    "export": Exported,
    "evaluate": Evaluated,
    "register": Registered,
}
_ENDINGS = ("error", "record", "place", "job")
_LONGEST_REASON = 2000


def record(event: RecordEvent, *, registry: Registry, store: ObjectStore, clock: Clock) -> Recorded:
    """Tell a poor model or bad data (refused) from a broken system (failed), and keep the record.

    One that was to stop before its last step, and did, is done.

    That of a pair is kept with the preprocessor too, under its own name and version.

    The failed step is the first one that left no result. A training whose spec has not even a
    proper name for the model is answered and not kept: there is nothing to keep it under.

    Raises:
        UnavailableError: the same record is being written by somebody else; try again.
    """
    caught = _part(event.run, "error", Caught)
    collected = _part(event.run, "collect", Collected)
    preprocessed = _part(event.run, "preprocess", Preprocessed)
    exported = _part(event.run, "export", Exported)
    evaluated = _part(event.run, "evaluate", Evaluated)
    registered = _part(event.run, "register", Registered)
    outcome = _outcome(caught, evaluated, registered)
    done = registered if outcome is Outcome.REGISTERED else None
    recorded = Recorded(
        outcome=outcome,
        model=event.model,
        training_id=event.training_id,
        version=done.version if done else "",
        training=done.training if done else "",
        preprocessor=done.preprocessor if done else None,
        steps=_steps(event.training_id, store),
        reasons=_reasons(caught, evaluated),
        failed_step=_failed_step(event.run) if outcome is Outcome.FAILED else "",
        metrics=evaluated.metrics if evaluated else {},
        rows=_rows(collected, preprocessed),
        rejects=_rejects(collected),
        runtime=exported.runtime.value if exported and done else "",
        runtime_reason=exported.runtime_reason if exported and done else "",
        release=outcome is Outcome.REGISTERED and is_automatic(event.run),
        alert=outcome is Outcome.FAILED and _wants_alert(event.run.get("spec")),
        started=event.started,
        finished=clock.now().isoformat(timespec="milliseconds"),
    )
    if event.model and event.training_id:
        try:
            for kept in _kept(recorded, _started_by(event.run)):
                registry.put_run(kept)
        except ConflictError as error:
            raise UnavailableError(str(error)) from error
    return recorded


def _outcome(
    caught: Caught | None, evaluated: Evaluated | None, registered: Registered | None
) -> Outcome:
    if caught is not None:
        return Outcome.REFUSED if caught.error == "RejectedError" else Outcome.FAILED
    if registered is not None:
        return Outcome.REGISTERED
    refused = evaluated is not None and not evaluated.passed
    return Outcome.REFUSED if refused else Outcome.DONE


def _steps(training_id: str, store: ObjectStore) -> dict[StepName, StepRecord]:
    """What became of the steps; one that was cut off could not say so itself."""
    found: dict[StepName, StepRecord] = {}
    for name in StepName if training_id else ():
        key = keys.step(training_id, name)
        try:
            step = msgspec.json.decode(store.get(key), type=StepRecord)
        except (ArtifactError, msgspec.MsgspecError):
            continue  # it was never begun
        if step.state is StepState.RUNNING:
            step = msgspec.structs.replace(step, state=StepState.FAILED)
            store.put(key, msgspec.json.encode(step))
        found[name] = step
    return found


def _part(run: dict[str, Any], name: str, kind: type[T]) -> T | None:
    return msgspec.convert(run[name], kind) if name in run else None


def _failed_step(run: dict[str, Any]) -> str:
    return next((name for name in _STEPS if name not in run), "record")


def _reasons(caught: Caught | None, evaluated: Evaluated | None) -> list[str]:
    if caught is None:
        return list(evaluated.reasons) if evaluated else []
    return [_sentence(caught)[:_LONGEST_REASON]]


def _sentence(caught: Caught) -> str:
    """What Lambda put into a cause, or AWS Batch: JSON with the message among much else."""
    try:
        cause = msgspec.json.decode(caught.cause)
    except msgspec.DecodeError:
        cause = None
    message = caught.cause
    if isinstance(cause, dict):
        message = cause.get("errorMessage") or cause.get("StatusReason") or ""
    if caught.error == "RejectedError":
        return str(message or "the input was refused")
    return f"{caught.error}: {message}" if message else caught.error


def _rows(collected: Collected | None, preprocessed: Preprocessed | None) -> dict[str, int]:
    rows: dict[str, int] = {}
    if collected is not None:
        rows |= {"read": collected.read, "rejected": collected.rejected}
    if preprocessed is not None:
        rows |= {"train": preprocessed.train_rows, "test": preprocessed.test_rows}
    return rows


def _rejects(collected: Collected | None) -> str:
    if collected is None or not collected.rejected:
        return ""
    return keys.dataset(collected.dataset, "rejects.csv")


def _wants_alert(spec: object) -> bool:
    """Alerting is the default; a spec that cannot be read does not switch it off."""
    schedule = spec.get("schedule") if isinstance(spec, dict) else None
    asked = schedule.get("on_fault") if isinstance(schedule, dict) else None
    return asked != OnFault.RECORD_AND_WAIT.value


def _started_by(run: dict[str, Any]) -> dict[str, Any]:
    """The input of the execution: what its state was before the steps added to it."""
    return {k: v for k, v in run.items() if k not in _STEPS and k not in _ENDINGS}


def _kept(recorded: Recorded, event: dict[str, Any]) -> list[TrainingRecord]:
    record = TrainingRecord(
        training_id=recorded.training_id,
        model=recorded.model,
        outcome=recorded.outcome,
        steps=recorded.steps,
        reasons=recorded.reasons,
        failed_step=recorded.failed_step,
        version=recorded.version,
        training=recorded.training,
        metrics=recorded.metrics,
        rows=recorded.rows,
        started=recorded.started,
        finished=recorded.finished,
        event=event,
    )
    half = recorded.preprocessor
    if half is None:
        return [record]
    other = msgspec.structs.replace(
        record, model=half.model, version=half.version, training=half.training
    )
    return [record, other]
