"""Fail: record why a batch has failed, whatever went wrong with its execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.errors import ConflictError, UnavailableError
from servery.usecases.batch.launching import give_up

if TYPE_CHECKING:
    from servery.domain.batches import Batch
    from servery.ports import BatchEvents, BatchStore, Clock

_LONGEST = 1000
_TOLD = frozenset({"RejectedError", "FaultError", "RetryableError"})
_PLAIN = {
    "Lambda.Unknown": "a function crashed",
    "Runtime.ExitError": "a function crashed",
    "Sandbox.Timedout": "a function took too long",
    "States.Timeout": "a function took too long",
}


class Caught(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a Catch leaves: the name of the error and its cause."""

    error: str
    cause: str = ""


class FailEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Which batch failed in which run, and what was caught."""

    batch: str
    run: int
    error: Caught


class FailedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The output of the execution: how the batch stands now."""

    batch: str
    run: int
    state: str
    reason: str


def fail(event: FailEvent, *, store: BatchStore, events: BatchEvents, clock: Clock) -> FailedBatch:
    """Record that a batch has failed, and tell the event bus.

    A batch that is over already, or is in another run by now, stays as it is.

    Raises:
        UnavailableError: somebody else changes it at this moment; try again.
    """
    batch = store.get(event.batch)
    if batch.run == event.run:
        try:
            batch = give_up(batch, reason_of(event.error), store=store, events=events, clock=clock)
        except ConflictError as error:
            raise UnavailableError(str(error)) from error
    return _told(batch)


def reason_of(caught: Caught) -> str:
    """The sentence of an error that a state machine caught.

    Lambda puts JSON into the cause, with the message among a traceback. A cause that is not
    ours may quote anything and is named, not told.
    """
    if caught.error in _TOLD:
        return _message(caught.cause)[:_LONGEST] or caught.error
    plain = _PLAIN.get(caught.error, "")
    return f"{plain} ({caught.error})" if plain else f"a step failed with {caught.error[:200]}"


def _message(cause: str) -> str:
    try:
        document: Any = msgspec.json.decode(cause)
    except msgspec.DecodeError:
        return cause
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""


def _told(batch: Batch) -> FailedBatch:
    return FailedBatch(batch=batch.id, run=batch.run, state=batch.state, reason=batch.reason)
