"""Reads batches for people: one as far as it has come, and lists in pages."""

from __future__ import annotations

import re
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from servery.domain.batches import Batch, BatchState, order_of
from servery.errors import InvalidInputError, Violation
from servery.usecases.batch.views import BatchList, BatchView, Tally, batch_view, tally

if TYPE_CHECKING:
    from servery.ports import BatchStore, Registry

_UTC = "+00:00"
_is_cursor = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}_[0-9a-f]{24}").fullmatch


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
    start = _order(before) if before else ""
    models = [model] if model else [record.name for record in registry.models()]
    pages = [store.page(name, state, limit=limit + 1, before=start) for name in models]
    found = list(islice(merge(*pages, key=order_of, reverse=True), limit + 1))
    page = found[:limit]
    return BatchList(
        batches=[batch_view(batch, bucket) for batch in page],
        next=_cursor(page[-1]) if len(found) > limit else "",
    )


def _counted(batch: Batch, store: BatchStore) -> Tally:
    """What the chunks came to; a batch that is proven, or not planned, needs no counting."""
    if batch.state is BatchState.SUCCEEDED or batch.ref is None:
        return Tally()
    return tally(store.results(batch.id))


def _cursor(batch: Batch) -> str:
    """The place of a batch as text that a URL takes as it is."""
    return f"{batch.created.removesuffix(_UTC)}_{batch.id}"


def _order(cursor: str) -> str:
    if not _is_cursor(cursor):
        message = "is the `next` of the page before"
        raise InvalidInputError("the query is not acceptable", (Violation("before", message),))
    created, _, identifier = cursor.partition("_")
    return f"{created}{_UTC} {identifier}"
