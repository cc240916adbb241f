"""Stop a search: no trial begins any more, and the best so far is the winner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.search_records import SearchRecord, SearchState
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.ports import SearchStore


def stop(model: str, search: str, *, store: SearchStore) -> SearchRecord:
    """Ask a search to end; asked again, nothing more happens.

    Raises:
        NotFoundError: there is none.
        ConflictError: its trials are over.
    """

    def asked(record: SearchRecord) -> SearchRecord:
        if record.state not in (SearchState.QUEUED, SearchState.RUNNING):
            raise ConflictError(f"the search is {record.state}: there is no trial to stop")
        return msgspec.structs.replace(record, stop_asked=True)

    return store.change(model, search, asked)
