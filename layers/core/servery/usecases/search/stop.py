"""Stop a search: no trial begins any more, and the best so far is the winner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.search_records import SearchRecord, SearchState
from servery.errors import ConflictError
from servery.usecases.search.settle import settle

if TYPE_CHECKING:
    from servery.ports import Clock, SearchQueue, SearchStore


def stop(
    model: str, search: str, *, store: SearchStore, queue: SearchQueue, clock: Clock
) -> SearchRecord:
    """Ask a search to end; asked again, nothing more happens.

    Raises:
        NotFoundError: there is none.
        ConflictError: its trials are over, or nobody carries it out any more.
    """
    settle(store.search(model, search), store=store, queue=queue, clock=clock)

    def asked(record: SearchRecord) -> SearchRecord:
        if record.state not in (SearchState.QUEUED, SearchState.RUNNING):
            raise ConflictError(f"the search is {record.state}: there is no trial to stop")
        return msgspec.structs.replace(record, stop_asked=True)

    return store.change(model, search, asked)
