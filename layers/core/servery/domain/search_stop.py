"""What ends a search before its last trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.search_records import Ended, TrialState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.search_records import Trial
    from servery.domain.search_spec import Stop


def stops(
    stop: Stop, trials: Sequence[Trial], *, seconds: float, higher_is_better: bool
) -> Ended | None:
    """The rule that has been met, or None.

    Args:
        stop: The rules.
        trials: Those that are over, by number.
        seconds: Since the search began.
        higher_is_better: Which way is better.
    """
    if stop.target is not None and any(
        _reaches(trial.mean, stop.target, higher_is_better=higher_is_better)
        for trial in trials
        if trial.mean is not None
    ):
        return Ended.TARGET
    if stop.cost_usd is not None and sum(trial.cost_usd for trial in trials) >= stop.cost_usd:
        return Ended.COST
    if stop.seconds is not None and seconds >= stop.seconds:
        return Ended.SECONDS
    idle = without_progress(trials, higher_is_better=higher_is_better)
    if stop.patience is not None and idle >= stop.patience:
        return Ended.PATIENCE
    return None


def without_progress(trials: Sequence[Trial], *, higher_is_better: bool) -> int:
    """How many of the last trials in a row brought nothing better."""
    best: float | None = None
    idle = 0
    for trial in trials:
        if trial.state is TrialState.SKIPPED:
            continue
        mean = trial.mean
        if mean is not None and (
            best is None or (mean > best if higher_is_better else mean < best)
        ):
            best, idle = mean, 0
        else:
            idle += 1
    return idle


def sentence(ended: Ended, stop: Stop, trials: int) -> str:
    """Why a search ended, for a person."""
    return {
        Ended.TRIALS: f"all {trials} trials were run",
        Ended.EXHAUSTED: f"everything there is was tried, in {trials} trials",
        Ended.SECONDS: f"its {stop.seconds or 0:g} s were over",
        Ended.COST: f"its trials have cost the {stop.cost_usd or 0:g} USD that they may",
        Ended.TARGET: f"the target of {stop.target or 0:g} is reached",
        Ended.PATIENCE: f"{stop.patience or 0} trials in a row brought nothing better",
        Ended.STOPPED: "somebody stopped it",
    }[ended]


def _reaches(mean: float, target: float, *, higher_is_better: bool) -> bool:
    return mean >= target if higher_is_better else mean <= target
