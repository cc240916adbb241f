"""Close: keep how a search ended, whatever came of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from servery.domain.search_records import SearchRecord, SearchState, Winner
from servery.usecases.search.causes import sentence
from servery.usecases.search.messages import Closed, CloseEvent, Rows

if TYPE_CHECKING:
    from servery.ports import Clock, SearchStore

T = TypeVar("T")
_LONGEST_REASON = 2000


class _Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    passed: bool
    reasons: list[str]
    metrics: dict[str, float]


class _Exported(msgspec.Struct, frozen=True, kw_only=True):
    runtime: str


class _Registered(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    training: str


def close(event: CloseEvent, *, store: SearchStore, clock: Clock) -> Closed:
    """Tell what the search is at fault for (refused) from a broken system (failed); keep it.

    Raises:
        NotFoundError: there is no such search.
    """
    now = clock.now()

    def closed(record: SearchRecord) -> SearchRecord:
        if record.state.final:
            return record
        return _closed(record, event.run, now)

    record = store.change(event.model, event.search, closed)
    return Closed(
        search=record.id,
        model=record.model,
        state=record.state.value,
        version=record.version,
        training=record.training,
        reason=record.reason,
    )


def _closed(record: SearchRecord, run: dict[str, Any], now: datetime) -> SearchRecord:
    error = run.get("error")
    state, reason = SearchState.SUCCEEDED, record.reason
    if error is not None:
        refused = error.get("Error") == "RejectedError"
        state = SearchState.REFUSED if refused else SearchState.FAILED
        reason = sentence(error)[:_LONGEST_REASON]
    registered = _part(run, "register", _Registered)
    return msgspec.structs.replace(
        record,
        state=state,
        reason=reason,
        winner=record.winner and _tested(record.winner, run, now),
        version=registered.version if registered else "",
        training=registered.training if registered else "",
        started=record.started or record.created,
        finished=now.isoformat(timespec="milliseconds"),
    )


def _tested(winner: Winner, run: dict[str, Any], now: datetime) -> Winner:
    """The winner with what the test rows said, once, if it came so far."""
    evaluated = _part(run, "evaluate", _Evaluated)
    exported = _part(run, "export", _Exported)
    split = _part(run, "preprocess", Rows)
    if evaluated is None:
        return winner
    return msgspec.structs.replace(
        winner,
        runtime=exported.runtime if exported else "",
        metrics=evaluated.metrics,
        tested=now.isoformat(timespec="milliseconds"),
        test_rows=split.test_rows if split else 0,
        passed=evaluated.passed,
        reasons=evaluated.reasons,
    )


def _part(run: dict[str, Any], name: str, kind: type[T]) -> T | None:
    return msgspec.convert(run[name], kind) if name in run else None
