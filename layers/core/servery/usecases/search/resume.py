"""Resume: go on with a search that the system let down, without running a trial again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.search_records import SearchRecord, SearchState
from servery.errors import ConflictError
from servery.usecases.search import keys
from servery.usecases.search.hand_over import hand_over
from servery.usecases.search.settle import settle

if TYPE_CHECKING:
    from datetime import datetime

    from servery.ports import Clock, ObjectStore, SearchQueue, SearchStore


def resume(
    model: str,
    search: str,
    *,
    store: SearchStore,
    objects: ObjectStore,
    queue: SearchQueue,
    clock: Clock,
) -> SearchRecord:
    """Start another execution, which goes by the records that the earlier ones left.

    Where a winner was chosen there are no further trials, since its training may have looked at
    the test rows.

    Raises:
        NotFoundError: there is no such search.
        ConflictError: it has not failed, and is still carried out.
        UnavailableError: it could not be started now; its record says so.
    """
    settle(store.search(model, search), store=store, queue=queue, clock=clock)
    now = clock.now()

    def again(record: SearchRecord) -> SearchRecord:
        if record.state is not SearchState.FAILED:
            raise ConflictError(f"the search is {record.state}: there is nothing to resume")
        return msgspec.structs.replace(
            record,
            state=SearchState.QUEUED,
            runs=record.runs + 1,
            stop_asked=record.stop_asked and record.winner is not None,
            ended=None,
            winner=None,
            reason="",
            finished="",
            handed=now.isoformat(timespec="milliseconds"),
            paused=_paused(record, now),
        )

    record = store.change(model, search, again)
    spec = msgspec.json.decode(objects.get(keys.spec(search)))
    hand_over(record, spec, store=store, queue=queue, clock=clock)
    return record


def _paused(record: SearchRecord, now: datetime) -> float:
    """What it was paused so far: the rules that end a search do not count it."""
    if not record.started:
        return 0.0
    whole = msgspec.structs.replace(record, paused=0.0, finished="").seconds(now)
    return whole - record.seconds(now)
