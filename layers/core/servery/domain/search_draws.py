"""Draws that no result changes: every point of a grid, or points by chance."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from servery.domain.search_space import Choices, Draw, Space, dimensions

if TYPE_CHECKING:
    from servery.domain.search_spec import Candidate, Search

_TRIES = 200  # in a row that gave nothing new, before everything counts as drawn


def grid_size(candidate: Candidate) -> int | None:
    """How many points the grid of a candidate has; None where a space cannot be counted."""
    size = 1
    for space in dimensions(candidate).values():
        values = space.values()
        if values is None:
            return None
        size *= len(values)
    return size


def grid(search: Search) -> Iterator[Draw]:
    """Every point of every candidate, the last dimension changing first."""
    for place, candidate in enumerate(search.candidates):
        spaces = dimensions(candidate)
        for values in itertools.product(*(space.values() or [] for space in spaces.values())):
            yield Draw(place, dict(zip(spaces, values, strict=True)))


def by_chance(search: Search) -> Iterator[Draw]:
    """Different points by chance, each candidate as likely as any other; the seed decides.

    Ends once it finds nothing that it has not given before.
    """
    chance = random.Random(search.seed)  # noqa: S311 - a draw, no secret
    spaces = [dimensions(candidate) for candidate in search.candidates]
    seen: set[str] = set()
    misses = 0
    while misses < _TRIES:
        place = chance.randrange(len(spaces))
        draw = Draw(place, {name: _drawn(space, chance) for name, space in spaces[place].items()})
        if draw.key() in seen:
            misses += 1
            continue
        seen.add(draw.key())
        misses = 0
        yield draw


def _drawn(space: Space, chance: random.Random) -> Any:  # noqa: ANN401 - a value of a parameter
    if isinstance(space, Choices):
        return space.options[chance.randrange(len(space.options))]
    values = None if space.step is None else space.values()
    return space.at(chance.random()) if values is None else values[chance.randrange(len(values))]
