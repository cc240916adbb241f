"""The rules that types alone cannot say about the search of a spec."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from servery.domain.chosen_spec import chosen_spec
from servery.domain.digest import digest_value
from servery.domain.search_draws import grid_size
from servery.domain.search_space import Choices, Space, dimensions, filled
from servery.domain.search_spec import Algorithm, Candidate, Search
from servery.domain.spec import ModelSpec
from servery.errors import InvalidSpecError, Violation

Check = Callable[[ModelSpec], list[Violation]]
MOST_ROUNDS = 1500
"""Rounds of a search: 13 events each without a retry, and a history ends at 25,000 of them."""
MOST_TOLD = 500_000
"""Trials that TPE is told of, over all that it proposes in a round: some minutes of its time."""
MOST_OPTIONS = 2000
"""Values of the longest choices of all candidates together: each is checked, by every step."""
_MOST_POINTS = 10**9  # that a sentence counts
_ROWS = "rows"


def search_violations(spec: ModelSpec, check: Check) -> list[Violation]:
    """Every rule that the search of a spec breaks, by field.

    Args:
        spec: The spec; without a search no rule is broken.
        check: The rules for the estimator and the preprocessing of a spec, which hold for
            whatever a candidate can become.
    """
    search = spec.search
    if search is None:
        return []
    found = _options(search)
    if found:
        return found
    for place, candidate in enumerate(search.candidates):
        found.extend(_candidate(spec, candidate, f"search.candidates[{place}].", check))
    if found:
        return found
    return [*_twice(search), *_numbers(search), *_halving(search), *_size(search)]


def _options(search: Search) -> list[Violation]:
    total = 0
    for place, candidate in enumerate(search.candidates):
        try:
            total += _turns(dimensions(candidate))
        except InvalidSpecError:
            continue  # which is told of the candidate itself
        if total > MOST_OPTIONS:
            message = f"the longest choices up to here have more than {MOST_OPTIONS} values"
            return [Violation(f"search.candidates[{place}]", message)]
    return []


def _candidate(spec: ModelSpec, candidate: Candidate, field: str, check: Check) -> list[Violation]:
    try:
        spaces = dimensions(candidate, field)
    except InvalidSpecError as error:
        return list(error.violations)
    found: dict[tuple[str, str], Violation] = {}
    for point in _corners(spaces):
        try:
            params, preprocessing = filled(candidate, point)
            params = {**_largest_resource(spec.search), **params}
            variant = chosen_spec(spec, candidate.class_path, params, preprocessing)
        except msgspec.ValidationError as error:
            return [Violation(f"{field}preprocessing", str(error))]
        for violation in check(variant):
            name = violation.field.removeprefix("estimator.")
            found.setdefault((name, violation.message), Violation(field + name, violation.message))
    return list(found.values())


def _largest_resource(search: Search | None) -> dict[str, Any]:
    """The parameter that a halving sets, at its highest."""
    if search is None or search.algorithm is not Algorithm.HALVING:
        return {}
    rules = search.halving
    return {} if rules.resource == _ROWS else {rules.resource: rules.maximum or 1}


def _corners(spaces: dict[str, Space]) -> list[dict[str, Any]]:
    """Points that have every option of every choice, and both ends of all numbers."""
    return [
        {name: _corner(space, turn) for name, space in spaces.items()}
        for turn in range(_turns(spaces))
    ]


def _turns(spaces: dict[str, Space]) -> int:
    """How many points it takes."""
    return max([2, *(len(s.options) for s in spaces.values() if isinstance(s, Choices))])


def _corner(space: Space, turn: int) -> Any:  # noqa: ANN401 - a value of a parameter
    if isinstance(space, Choices):
        return space.options[turn % len(space.options)]
    return (space.low, space.high)[turn % 2]


def _twice(search: Search) -> list[Violation]:
    seen: set[str] = set()
    found: list[Violation] = []
    for place, candidate in enumerate(search.candidates):
        key = digest_value(msgspec.to_builtins(candidate))
        if key in seen:
            found.append(Violation(f"search.candidates[{place}]", "is there twice"))
        seen.add(key)
    return found


def _numbers(search: Search) -> list[Violation]:
    stop = search.stop
    figures = {"seconds": stop.seconds, "cost_usd": stop.cost_usd, "target": stop.target}
    return [
        Violation(f"search.stop.{name}", "is no finite number")
        for name, value in figures.items()
        if value is not None and not math.isfinite(value)
    ]


def _size(search: Search) -> list[Violation]:
    if search.algorithm is Algorithm.GRID and (found := _grid(search)):
        return found
    if search.one_each and search.trials > search.at_once * MOST_ROUNDS:
        message = f"{search.trials} trials need {search.trials // MOST_ROUNDS + 1} at once or more"
        return [Violation("search.at_once", message)]
    if search.algorithm is Algorithm.TPE and search.trials * search.at_once > MOST_TOLD:
        message = f"tpe with {search.trials} trials proposes {MOST_TOLD // search.trials} at once"
        return [Violation("search.at_once", f"{message} at the most")]
    return []


def _grid(search: Search) -> list[Violation]:
    sizes = [grid_size(candidate) for candidate in search.candidates]
    endless = [
        Violation(
            f"search.candidates[{place}].params",
            "a grid has a step in every range of fractions, and in every one with log",
        )
        for place, size in enumerate(sizes)
        if size is None
    ]
    total = sum(size or 0 for size in sizes)
    if endless or total <= search.trials:
        return endless
    points = f"{total}" if total <= _MOST_POINTS else f"more than {_MOST_POINTS}"
    return [Violation("search.trials", f"the grid has {points} points; allow as many trials")]


def _halving(search: Search) -> list[Violation]:
    if search.algorithm is not Algorithm.HALVING:
        return []
    rules, field = search.halving, "search.halving"
    found: list[Violation] = []
    if search.stop.patience is not None:
        message = "trials of successive halving are not alike; it ends by itself"
        found.append(Violation("search.stop.patience", message))
    if rules.resource == _ROWS:
        if rules.maximum is not None:
            found.append(Violation(f"{field}.maximum", "rows end with all of them"))
        return found
    if rules.maximum is None:
        found.append(Violation(f"{field}.maximum", f"say up to which {rules.resource}"))
    elif rules.minimum is not None and rules.minimum > rules.maximum:
        found.append(Violation(f"{field}.minimum", "is above the maximum"))
    found.extend(
        Violation(
            f"search.candidates[{place}].params.{rules.resource}",
            "is the resource of the halving, which gives it its value",
        )
        for place, candidate in enumerate(search.candidates)
        if rules.resource in candidate.params
    )
    return found
