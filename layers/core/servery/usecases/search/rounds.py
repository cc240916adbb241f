"""Which trials come next, by what the earlier ones told: the same for the same records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.search_draws import by_chance, grid
from servery.domain.search_halving import Rung, plan, ranked, survivors
from servery.domain.search_records import Proposal, Trial
from servery.domain.search_space import Draw, filled
from servery.domain.search_spec import Algorithm, Search

if TYPE_CHECKING:
    from servery.ports import Sampler

_ROWS = "rows"
_FEWEST_ROWS = 20  # to fit a first rung with
_LONGEST_LANE = 50  # trials, so that the history of an execution holds them
_WIDEST_LANE = 128 * 1024  # bytes, so that the state of an execution (256 KiB) holds them


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a search stands.

    Attributes:
        search: What is searched.
        trials: Those that are over, by number, without gaps.
        round: The round to be proposed.
        rows: Training rows of a fold.
        higher_is_better: Which way is better.
    """

    search: Search
    trials: Sequence[Trial]
    round: int
    rows: int
    higher_is_better: bool

    @property
    def room(self) -> int:
        """How many trials this round may have."""
        search = self.search
        wide = search.at_once if search.one_each else search.at_once * _LONGEST_LANE
        return max(0, min(wide, search.trials - len(self.trials)))


def propose_round(at: Situation, sampler: Callable[[], Sampler]) -> list[Proposal]:
    """The trials of the next round; none where there is nothing left to try."""
    first = len(at.trials)
    if at.search.algorithm is Algorithm.HALVING:
        return _halving(at)
    draws: list[Draw] = []
    if at.search.algorithm is Algorithm.GRID:
        draws = list(islice(grid(at.search), first, first + at.room))
    elif at.search.algorithm is Algorithm.RANDOM:
        draws = list(islice(by_chance(at.search), first, first + at.room))
    elif at.room:
        draws = sampler()(
            at.search,
            at.trials,
            count=at.room,
            round_number=at.round,
            higher_is_better=at.higher_is_better,
        )
    return [_proposal(at, first + place, draw) for place, draw in enumerate(draws)]


def leaders(trials: Sequence[Trial], *, higher_is_better: bool) -> list[Trial]:
    """Trials with a score, of the highest rung that has some, the best first."""
    scored = [trial for trial in trials if trial.mean is not None]
    top = max((trial.rung for trial in scored), default=0)
    return ranked([t for t in scored if t.rung == top], higher_is_better=higher_is_better)


def fitting(proposals: list[Proposal], at_once: int) -> list[Proposal]:
    """As many of the first ones as the lanes of a round can hold, one for each at the least."""
    widest = max((len(msgspec.json.encode(each)) for each in proposals), default=1)
    return proposals[: at_once * max(1, _WIDEST_LANE // widest)]


def in_lanes(proposals: Sequence[Proposal], at_once: int) -> list[list[Proposal]]:
    """The trials of a round by lane: the lanes run together, a lane one trial after the other."""
    lanes = [list(proposals[lane::at_once]) for lane in range(min(at_once, len(proposals)))]
    return [lane for lane in lanes if lane]


def _halving(at: Situation) -> list[Proposal]:
    before: list[Trial] = []
    for number, rung in enumerate(_rungs(at)):
        run = [trial for trial in at.trials if trial.rung == number]
        planned = _planned(at, number, rung, before)
        if len(run) < len(planned):
            first = len(at.trials)
            chosen = planned[len(run) : len(run) + at.room]
            return [
                _proposal(
                    at, first + place, draw, rung=number, resource=rung.resource, parent=parent
                )
                for place, (draw, parent) in enumerate(chosen)
            ]
        before = run
    return []


def _planned(
    at: Situation, number: int, rung: Rung, before: Sequence[Trial]
) -> list[tuple[Draw, int | None]]:
    """The trials of a rung: by chance first, then the best of the rung before."""
    if number == 0:
        return [(draw, None) for draw in islice(by_chance(at.search), rung.trials)]
    best = survivors(before, rung.trials, higher_is_better=at.higher_is_better)
    return [(Draw(trial.candidate, trial.point), trial.number) for trial in best]


def _rungs(at: Situation) -> list[Rung]:
    rules = at.search.halving
    of_rows = rules.resource == _ROWS
    highest = at.rows if of_rows else rules.maximum or 1
    lowest = rules.minimum or (_FEWEST_ROWS if of_rows else 1)
    return plan(
        at.search.trials,
        factor=rules.factor,
        lowest=min(lowest, highest),
        highest=highest,
        given=rules.minimum is not None,
    )


def _proposal(
    at: Situation,
    number: int,
    draw: Draw,
    *,
    rung: int = 0,
    resource: int | None = None,
    parent: int | None = None,
) -> Proposal:
    candidate = at.search.candidates[draw.candidate]
    params, preprocessing = filled(candidate, draw.point)
    given: dict[str, Any] = {}
    if resource is not None and at.search.halving.resource != _ROWS:
        given = {at.search.halving.resource: resource}
    return Proposal(
        number=number,
        round=at.round,
        rung=rung,
        resource=resource,
        parent=parent,
        candidate=draw.candidate,
        class_path=candidate.class_path,
        params={**params, **given},
        preprocessing=preprocessing,
        point=draw.point,
    )
