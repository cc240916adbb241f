"""What is asked about searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.errors import ArtifactError, UnavailableError
from servery.usecases.search import keys
from servery.usecases.search.settle import settle
from servery.usecases.search.views import SearchDetail, SearchList, count, detailed, shown

if TYPE_CHECKING:
    from servery.domain.search_records import SearchRecord, Trial
    from servery.ports import Clock, ObjectStore, SearchQueue, SearchStore

MOST_TRIALS = 1000
"""Trials in one answer."""
MOST_BYTES = 3_000_000
"""Of the trials in one answer; Lambda answers with 6 MiB at the most, as JSON inside of JSON."""


def list_searches(
    model: str, *, store: SearchStore, clock: Clock, limit: int, before: str
) -> SearchList:
    """Searches of a model, newest first, without their trials."""
    found = store.searches(model, limit=limit + 1, before=before)
    page = found[:limit]
    return SearchList(
        searches=[shown(record, record.seconds(clock.now())) for record in page],
        next=page[-1].id if len(found) > limit else "",
    )


def read_search(
    model: str,
    search: str,
    *,
    store: SearchStore,
    objects: ObjectStore,
    queue: SearchQueue,
    clock: Clock,
    after: int = -1,
    limit: int = MOST_TRIALS,
) -> SearchDetail:
    """One search with its trials behind `after`, at most `limit` and what an answer can hold.

    One that nobody carries out any more is kept as failed, so that it can be resumed.

    Raises:
        NotFoundError: there is none.
    """
    record = _settled(store.search(model, search), store, queue, clock)
    trials = store.trials(search)
    behind = [trial for trial in trials if trial.number > after]
    page = _page(behind[:limit])
    chosen = _read(objects, keys.winner(search)) if record.winner is not None else None
    return detailed(
        record,
        record.seconds(clock.now()),
        count(trials, record.counts.proposed),
        spec=_read(objects, keys.spec(search)) or {},
        winner_spec=chosen,
        trials=page,
        following=str(page[-1].number) if len(behind) > len(page) else "",
    )


def _page(trials: list[Trial]) -> list[Trial]:
    """As many of the first ones as one answer can hold, one at the least."""
    size = 0
    for place, trial in enumerate(trials):
        size += len(msgspec.json.encode(trial))
        if place and size > MOST_BYTES:
            return trials[:place]
    return trials


def _settled(
    record: SearchRecord, store: SearchStore, queue: SearchQueue, clock: Clock
) -> SearchRecord:
    try:
        return settle(record, store=store, queue=queue, clock=clock)
    except UnavailableError:
        return record  # what is known can be told all the same


def _read(objects: ObjectStore, key: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(objects.get(key), type=dict[str, Any])
    except ArtifactError:
        return None
