"""Rerun: run a batch that is over again, its failed chunks or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from servery.domain.batches import Batch, BatchState, run_again
from servery.errors import ConflictError
from servery.usecases.batch.launching import launch

if TYPE_CHECKING:
    from servery.ports import BatchQueue, BatchStore


class RerunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may ask for.

    Attributes:
        policy: `failed` runs the chunks that are not done, with the same model; `all` plans the
            batch anew, with the model that answers now, and replaces its outputs.
    """

    policy: Literal["failed", "all"] = "failed"


def rerun(batch_id: str, request: RerunRequest, *, store: BatchStore, queue: BatchQueue) -> Batch:
    """Queue a batch that is over again, under its own id, and start it.

    Returns:
        The batch, queued for its next run.

    Raises:
        NotFoundError: there is no such batch.
        ConflictError: it is not over, has nothing that failed, or was refused when it came.
        RetryableError: it could not be started now; when it is queued, it will be.
    """
    batch = store.get(batch_id)
    if _refused(batch):
        raise ConflictError("the file was refused with what was said with it; drop it again")
    if request.policy == "failed" and batch.state is not BatchState.FAILED and batch.state.final:
        raise ConflictError(f"nothing has failed, the batch is {batch.state}")
    again = run_again(batch)
    if request.policy == "all" or not batch.chunks:
        again = _planned_anew(again)
    store.put(again)
    return launch(again, store=store, queue=queue)


def _refused(batch: Batch) -> bool:
    """Whether a batch failed before anything could be run, for its model or its options."""
    return batch.state is BatchState.FAILED and not batch.execution


def _planned_anew(batch: Batch) -> Batch:
    """A batch of which only the file and the options are left; the plan clears what it wrote."""
    return msgspec.structs.replace(
        batch,
        ref=None,
        server=None,
        format=None,
        output=None,
        stale_model=False,
        chunks=0,
        rows_in=0,
        rows_out=0,
        rows_rejected=0,
        started="",
        same_as="",
    )
