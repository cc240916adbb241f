"""Hands a batch that is queued to the state machine, once for each of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.batches import Batch, BatchState, change
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.ports import BatchEvents, BatchQueue, BatchStore, Clock


def launch(batch: Batch, *, store: BatchStore, queue: BatchQueue) -> Batch:
    """Start the execution of a batch that is queued; any other batch is left alone.

    The name of the execution says the batch and the run, and is written down before it is
    started, so whoever comes twice, or at once, or after a crash, starts the same one.

    Raises:
        RetryableError: it could not be started now; the batch stays queued.
    """
    name = f"{batch.id}-{batch.run}"
    if batch.state is BatchState.QUEUED and batch.execution != name:
        try:
            named = change(batch, execution=name)
            store.put(named)
            batch = named
        except ConflictError:
            batch = store.get(batch.id)
    if batch.state is BatchState.QUEUED:
        queue.start(batch)
    return batch


def give_up(
    batch: Batch, reason: str, *, store: BatchStore, events: BatchEvents, clock: Clock
) -> Batch:
    """Record that a batch has failed, and tell the event bus.

    A batch that is over already stays as it is and is told of again: whoever recorded its end
    may not have come to tell it.

    Raises:
        ConflictError: somebody else changes it at this moment.
        RetryableError: it could not be recorded or told now.
    """
    if not batch.state.final:
        batch = change(
            batch,
            state=BatchState.FAILED,
            reason=reason,
            finished=clock.now().isoformat(timespec="microseconds"),
        )
        store.put(batch)
    events.publish(batch)
    return batch
