"""Reads batches for people: one as far as it has come, and lists in pages."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from servery.domain.batches import Batch, BatchState, order_of
from servery.domain.cursors import BATCH_ID, cursor_of, order_at
from servery.usecases.batch.views import BatchList, BatchView, Tally, batch_view, tally

if TYPE_CHECKING:
    from servery.ports import BatchStore, Registry


def read_batch(batch_id: str, *, store: BatchStore, bucket: str) -> BatchView:
    """One batch; until it has succeeded, with the counts of the chunks that are done by now.

    Raises:
        NotFoundError: there is no such batch.
    """
    batch = store.get(batch_id)
    return batch_view(batch, bucket, _counted(batch, store))


def list_batches(
    store: BatchStore,
    registry: Registry,
    bucket: str,
    *,
    model: str = "",
    state: BatchState | None = None,
    limit: int,
    before: str,
) -> BatchList:
    """A page of batches, newest first.

    Args:
        store: Where batches are kept.
        registry: Which models there are.
        bucket: The exchange bucket.
        model: Whose batches; empty for those of every model.
        state: In which state; None for any.
        limit: How many at the most.
        before: The `next` of the page before; empty for the first.

    Raises:
        InvalidInputError: `before` is no `next` of any page.
    """
    start = order_at(before, BATCH_ID)
    models = [model] if model else [record.name for record in registry.models()]
    pages = [store.page(name, state, limit=limit + 1, before=start) for name in models]
    found = list(islice(merge(*pages, key=order_of, reverse=True), limit + 1))
    page = found[:limit]
    return BatchList(
        batches=[batch_view(batch, bucket) for batch in page],
        next=cursor_of(order_of(page[-1])) if len(found) > limit else "",
    )


def _counted(batch: Batch, store: BatchStore) -> Tally:
    """What the chunks came to; a batch that is proven, or not planned, needs no counting."""
    if batch.state is BatchState.SUCCEEDED or batch.ref is None:
        return Tally()
    return tally(store.results(batch.id))
