"""Settle: a search whose execution is no more, and has not said so, has failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from servery.domain.search_records import SearchRecord, SearchState

if TYPE_CHECKING:
    from servery.ports import Clock, SearchQueue, SearchStore

_HANDING_OVER = timedelta(minutes=1)
"""From the record of an execution that is asked for to the execution, at the most."""
_REASONS = {
    "aborted": "its execution was aborted from outside",
    "timed_out": "its execution ran out of time",
    "missing": "its execution is not there",
}
_WORDLESS = "its execution ended without a word of how the search did"


def settle(
    record: SearchRecord, *, store: SearchStore, queue: SearchQueue, clock: Clock
) -> SearchRecord:
    """The record, as failed where nobody carries the search out any more.

    An execution that comes to its end writes how the search ended before it is over. One that was
    aborted, ran out of time, or could not write leaves the record as if it still ran.

    Raises:
        UnavailableError: whether it runs cannot be told now.
    """
    if record.state.final:
        return record
    halt = queue.halt(record.execution)
    now = clock.now()
    if halt is None or (halt.at is None and _young(record, now)):
        return record
    end = min(halt.at, now) if halt.at else now

    def failed(known: SearchRecord) -> SearchRecord:
        if known.state.final or known.runs != record.runs:
            return known
        return msgspec.structs.replace(
            known,
            state=SearchState.FAILED,
            reason=_REASONS.get(halt.how, _WORDLESS),
            finished=end.astimezone(UTC).isoformat(timespec="milliseconds"),
        )

    return store.change(record.model, record.id, failed)


def _young(record: SearchRecord, now: datetime) -> bool:
    return now - datetime.fromisoformat(record.handed or record.created) < _HANDING_OVER
