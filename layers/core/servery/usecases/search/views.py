"""Searches as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.search_records import Best, Counts, Ended, SearchRecord, SearchState, Winner
from servery.domain.search_records import Trial as TrialRecord
from servery.domain.search_spec import Algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence


class CountsView(Counts, frozen=True, kw_only=True):
    """Trials by what became of them.

    Attributes:
        running: Proposed and not over.
    """

    running: int = 0


class SearchView(msgspec.Struct, frozen=True, kw_only=True):
    """One search; see `SearchRecord`.

    Attributes:
        seconds: From its start to its end, or to now.
    """

    id: str
    model: str
    state: SearchState
    algorithm: Algorithm
    metric: str
    higher_is_better: bool
    seed: int
    folds: int
    at_once: int
    most: int
    candidates: int
    register: bool
    round: int
    counts: CountsView
    best: Best | None
    stop_asked: bool
    ended: Ended | None
    reason: str
    winner: Winner | None
    version: str
    training: str
    created: str
    started: str
    finished: str
    seconds: float
    cost_usd: float


class SearchDetail(SearchView, frozen=True, kw_only=True):
    """One search, whole.

    Attributes:
        spec: What was searched for, with its section `search`.
        winner_spec: The spec that the search has chosen, ready to be trained; None before.
        trials: Those that are over, by number.
        next: What `after` has to be for more of them; empty where these are the last.
    """

    spec: dict[str, Any]
    winner_spec: dict[str, Any] | None = None
    trials: list[TrialRecord] = []
    next: str = ""


class SearchList(msgspec.Struct, frozen=True, kw_only=True):
    """Searches of a model, newest first.

    Attributes:
        searches: Without their trials.
        next: What `before` has to be for older ones; empty where there are none.
    """

    searches: list[SearchView]
    next: str = ""


def count(trials: Sequence[TrialRecord], proposed: int) -> CountsView:
    """Count trials by what became of them."""
    states = [trial.state.value for trial in trials]
    return CountsView(
        proposed=proposed,
        done=states.count("done"),
        failed=states.count("failed"),
        skipped=states.count("skipped"),
        running=max(0, proposed - len(states)),
    )


def shown(record: SearchRecord, seconds: float, counts: CountsView | None = None) -> SearchView:
    """A record as it is shown, with fresher counts where there are some."""
    return SearchView(**_fields(record, seconds, counts))


def detailed(
    record: SearchRecord,
    seconds: float,
    counts: CountsView,
    *,
    spec: dict[str, Any],
    winner_spec: dict[str, Any] | None,
    trials: list[TrialRecord],
    following: str,
) -> SearchDetail:
    """A record with its spec and its trials."""
    return SearchDetail(
        **_fields(record, seconds, counts),
        spec=spec,
        winner_spec=winner_spec,
        trials=trials,
        next=following,
    )


def _fields(record: SearchRecord, seconds: float, counts: CountsView | None) -> dict[str, Any]:
    told = record.counts
    over = told.done + told.failed + told.skipped
    known = counts or CountsView(
        proposed=told.proposed,
        done=told.done,
        failed=told.failed,
        skipped=told.skipped,
        running=max(0, told.proposed - over),
    )
    fields = {name: getattr(record, name) for name in SearchView.__struct_fields__ if name in _KEPT}
    return {**fields, "counts": known, "seconds": round(seconds, 3)}


_KEPT = frozenset(SearchRecord.__struct_fields__)
