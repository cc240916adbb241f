"""Admit: what a new file becomes, given what its model has predicted before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import (
    Batch,
    BatchOptions,
    BatchState,
    Source,
    batch_id,
    change,
    run_again,
)
from servery.domain.spec import Rerun
from servery.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from servery.ports import BatchStore, Clock

KEPT = timedelta(days=400)
"""How long a batch is remembered: longer than the longest range of a schedule."""
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A file that wants to be predicted.

    Attributes:
        model: By whom.
        source: Which file.
        options: What its submitter and the spec say.
        origin: As in `Batch`.
        refusal: Why it cannot be, where that is known already.
    """

    model: str
    source: Source
    options: BatchOptions
    origin: str
    refusal: str = ""


def admit(wanted: Admission, *, store: BatchStore, clock: Clock) -> Batch:
    """Record the batch over a file: queued, refused, or skipped for an earlier one.

    Content that the model has predicted before under the same options is treated by the option
    `rerun`: `all` predicts it again; `none` does not; `failed` does not either, but an earlier
    batch that failed runs its failed chunks again, and this one is skipped for it. An earlier
    batch that failed before it was planned has no chunks to run: the file is then predicted.

    Returns:
        The batch as it is recorded, by us or by who came first.

    Raises:
        UnavailableError: others drop the same content at this moment.
    """
    batch = _new(wanted, clock)
    if wanted.refusal:
        return store.add(_over(batch, BatchState.FAILED, wanted.refusal))
    for _ in range(_TRIES):
        earlier = store.of_object(wanted.model, wanted.source)
        try:
            if earlier is None or not _covers(earlier, wanted.options):
                return store.add(batch, earlier=earlier)
            return store.add(_left_to(earlier, batch, store))
        except ConflictError:
            continue  # somebody else was first; look again
    raise UnavailableError("others drop the same content at this moment")


def _new(wanted: Admission, clock: Clock) -> Batch:
    now = clock.now()
    return Batch(
        id=batch_id(wanted.model, wanted.source),
        model=wanted.model,
        state=BatchState.QUEUED,
        created=now.isoformat(timespec="microseconds"),
        expires=(now + KEPT).timestamp(),
        source=wanted.source,
        options=wanted.options,
        origin=wanted.origin,
    )


def _covers(earlier: Batch, options: BatchOptions) -> bool:
    """Whether an earlier batch makes another one over the same content unnecessary."""
    same = msgspec.structs.replace(earlier.options, rerun=options.rerun) == options
    if not same or options.rerun is Rerun.ALL:
        return False
    return options.rerun is Rerun.NONE or _continues(earlier) or not _failed(earlier)


def _failed(batch: Batch) -> bool:
    return batch.state is BatchState.FAILED


def _continues(batch: Batch) -> bool:
    """Whether a failed batch has got so far that running its failed chunks again leads on."""
    return _failed(batch) and batch.chunks > 0


def _left_to(earlier: Batch, batch: Batch, store: BatchStore) -> Batch:
    """The new batch, skipped; an earlier one that has failed is queued again for it.

    Raises:
        ConflictError: the earlier one has changed meanwhile.
    """
    if batch.options.rerun is Rerun.FAILED and _continues(earlier):
        store.put(run_again(earlier))
        reason = f"the same content has failed in {earlier.id}, whose failed chunks run again"
    else:
        reason = f"the same content is or was predicted in {earlier.id}"
    return _over(batch, BatchState.SKIPPED, reason, same_as=earlier.id)


def _over(batch: Batch, state: BatchState, reason: str, *, same_as: str = "") -> Batch:
    over = change(batch, state=state, reason=reason, same_as=same_as, finished=batch.created)
    return msgspec.structs.replace(over, revision=1)
