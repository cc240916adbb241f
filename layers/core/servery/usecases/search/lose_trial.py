"""Lose a trial: what failed, timed out or crashed is a failed trial, and no failed search."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from servery.domain.lambda_price import invocation_usd
from servery.domain.search_records import Trial, TrialState
from servery.usecases.search.causes import sentence
from servery.usecases.search.messages import LoseEvent, TrialOver

if TYPE_CHECKING:
    from servery.ports import Clock, SearchStore
    from servery.usecases.search.run_trial import Machine

_LONGEST_REASON = 1000


def lose_trial(
    event: LoseEvent, *, store: SearchStore, machine: Machine, clock: Clock
) -> TrialOver:
    """Keep a trial as failed, unless it was kept before its function failed.

    What it cost is reckoned from when it began; an attempt that waited for room counts as run.

    Args:
        event: The trial and its error.
        store: Where trials are kept.
        machine: What trials run on.
        clock: The time.
    """
    started = datetime.fromisoformat(event.started)
    seconds = max(0.0, (clock.now() - started).total_seconds())
    fields = {name: getattr(event.trial, name) for name in event.trial.__struct_fields__}
    trial = Trial(
        **fields,
        state=TrialState.FAILED,
        reason=sentence(event.error)[:_LONGEST_REASON],
        seconds=round(seconds, 3),
        memory_mb=machine.memory_mb,
        cost_usd=invocation_usd(seconds, machine.memory_mb, machine.processor),
        started=started.isoformat(timespec="milliseconds"),
    )
    store.add_trial(event.search, trial)
    return TrialOver(number=trial.number, state=trial.state.value)
