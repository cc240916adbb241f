"""Hand a recorded search over to whoever carries it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.search_records import SearchRecord, SearchState
from servery.errors import ServeryError
from servery.usecases.search.messages import SearchEvent

if TYPE_CHECKING:
    from servery.ports import Clock, SearchQueue, SearchStore


def hand_over(
    record: SearchRecord,
    spec: dict[str, Any],
    *,
    store: SearchStore,
    queue: SearchQueue,
    clock: Clock,
) -> None:
    """Start the execution of a search, the first one or a further one.

    Raises:
        UnavailableError: it could not be started now; the record says so.
    """
    event = SearchEvent(search=record.id, model=record.model, training_id=record.id, spec=spec)
    try:
        queue.start(record.execution, msgspec.to_builtins(event))
    except ServeryError as error:
        reason = f"the search could not be started: {error}"
        now = clock.now().isoformat(timespec="milliseconds")

        def failed(known: SearchRecord) -> SearchRecord:
            state = SearchState.FAILED
            return msgspec.structs.replace(known, state=state, reason=reason, finished=now)

        store.change(record.model, record.id, failed)
        raise
