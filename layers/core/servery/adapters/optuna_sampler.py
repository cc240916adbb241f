"""The tree-structured Parzen estimator of Optuna, without a study that outlives a call.

What Optuna has to know is told to it again each time, from the records of the trials: trials in
the order of their numbers, and a seed made of that of the search and the number of the round. So
the same records give the same draws, whoever asks and however often.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState as Told
from optuna.trial import create_trial

from servery.domain.digest import digest_value
from servery.domain.search_draws import by_chance
from servery.domain.search_records import TrialState
from servery.domain.search_space import Choices, Draw, Space, dimensions

if TYPE_CHECKING:
    from servery.domain.search_records import Trial
    from servery.domain.search_spec import Search

_CANDIDATE = "candidate"
_TRIES = 20  # for a draw that is new, before chance is asked
_BY_CHANCE_FIRST = 10


def tpe(
    search: Search,
    trials: Sequence[Trial],
    *,
    count: int,
    round_number: int,
    higher_is_better: bool,
) -> list[Draw]:
    """The next draws; see `Sampler`.

    A trial that failed counts as worse than all that did not, so that its surroundings are left.
    """
    spaces = [dimensions(candidate) for candidate in search.candidates]
    study = _study(search, round_number, higher_is_better=higher_is_better)
    seen = {Draw(trial.candidate, trial.point).key() for trial in trials}
    for trial in trials:
        if trial.state is not TrialState.SKIPPED:
            study.add_trial(_told(trial, spaces))
    rest = (draw for draw in by_chance(search) if draw.key() not in seen)
    found: list[Draw] = []
    while len(found) < count:
        draw = _new(study, spaces, seen) or next(rest, None)
        if draw is None:
            break
        seen.add(draw.key())
        found.append(draw)
    return found


def _study(search: Search, round_number: int, *, higher_is_better: bool) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = int(digest_value([search.seed, round_number])[:8], 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that groups are experimental
        sampler = optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=min(_BY_CHANCE_FIRST, max(1, search.trials // 3)),
            multivariate=True,
            group=True,
            constant_liar=True,
        )
    return optuna.create_study(
        storage=optuna.storages.InMemoryStorage(),
        sampler=sampler,
        direction="maximize" if higher_is_better else "minimize",
    )


def _told(trial: Trial, spaces: list[dict[str, Space]]) -> optuna.trial.FrozenTrial:
    own = spaces[trial.candidate]
    params: dict[str, Any] = {_CANDIDATE: trial.candidate}
    distributions: dict[str, BaseDistribution] = {_CANDIDATE: _candidates(spaces)}
    for name, value in trial.point.items():
        key = _name(trial.candidate, name)
        distributions[key] = _distribution(own[name])
        params[key] = _to_optuna(own[name], value)
    done = trial.mean is not None
    return create_trial(
        params=params,
        distributions=distributions,
        value=trial.mean,
        state=Told.COMPLETE if done else Told.PRUNED,
    )


def _new(study: optuna.Study, spaces: list[dict[str, Space]], seen: set[str]) -> Draw | None:
    """A draw that is none of those; the study believes of each draw that it runs now."""
    for _ in range(_TRIES):
        asked = study.ask()
        place = int(asked.suggest_categorical(_CANDIDATE, list(range(len(spaces)))))
        point = {
            name: _from_optuna(space, _suggested(asked, _name(place, name), space))
            for name, space in spaces[place].items()
        }
        draw = Draw(place, point)
        if draw.key() not in seen:
            return draw
        study.tell(asked, state=Told.FAIL)  # which the sampler does not look at
    return None


def _suggested(asked: optuna.Trial, name: str, space: Space) -> Any:  # noqa: ANN401 - of Optuna
    distribution = _distribution(space)
    if isinstance(distribution, CategoricalDistribution):
        return asked.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return asked.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    if isinstance(distribution, FloatDistribution):
        return asked.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
    raise TypeError(type(distribution))


def _candidates(spaces: list[dict[str, Space]]) -> BaseDistribution:
    return CategoricalDistribution(list(range(len(spaces))))


def _distribution(space: Space) -> BaseDistribution:
    """Options and steps go by their places, so that any value can be one."""
    if isinstance(space, Choices):
        return CategoricalDistribution(list(range(len(space.options))))
    if space.step is not None:
        return IntDistribution(0, len(space.values() or []) - 1)
    if space.whole:
        return IntDistribution(int(space.low), int(space.high), log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _by_place(space: Space) -> list[Any] | None:
    if isinstance(space, Choices) or space.step is not None:
        return space.values()
    return None


def _to_optuna(space: Space, value: Any) -> Any:  # noqa: ANN401 - a value of a parameter
    values = _by_place(space)
    if values is None:
        return value
    wanted = digest_value(value)  # 1, 1.0 and true are equal in Python
    return next(place for place, known in enumerate(values) if digest_value(known) == wanted)


def _from_optuna(space: Space, value: Any) -> Any:  # noqa: ANN401 - a value of a parameter
    values = _by_place(space)
    return value if values is None else values[value]


def _name(candidate: int, dimension: str) -> str:
    return f"{candidate}:{dimension}"
