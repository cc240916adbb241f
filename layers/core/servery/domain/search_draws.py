"""Draws that no result changes: every point of a grid, or points by chance."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from servery.domain.search_space import MOST_VALUES, Choices, Draw, Space, dimensions

if TYPE_CHECKING:
    from servery.domain.search_spec import Candidate, Search

_TRIES = 200  # in a row that gave nothing new, before what is left is counted


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
        yield from _points(place, candidate)


def _points(place: int, candidate: Candidate) -> Iterator[Draw]:
    spaces = dimensions(candidate)
    for values in itertools.product(*(space.values() or [] for space in spaces.values())):
        yield Draw(place, dict(zip(spaces, values, strict=True)))


def by_chance(search: Search) -> Iterator[Draw]:
    """Different points by chance, each candidate as likely as any other; the seed decides.

    Ends where every point was given, or, of spaces that cannot be counted, once chance finds
    nothing new any more.
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
    left = [draw for draw in _countable(search) if draw.key() not in seen]
    chance.shuffle(left)
    yield from left


def _countable(search: Search) -> Iterator[Draw]:
    """The grid of the candidates that have one, if it is not too large to be looked through."""
    sizes = [grid_size(candidate) for candidate in search.candidates]
    if sum(size or 0 for size in sizes) > MOST_VALUES:
        return
    for place, size in enumerate(sizes):
        if size is not None:
            yield from _points(place, search.candidates[place])


def _drawn(space: Space, chance: random.Random) -> Any:  # noqa: ANN401 - a value of a parameter
    if isinstance(space, Choices):
        return space.options[chance.randrange(len(space.options))]
    values = None if space.step is None else space.values()
    return space.at(chance.random()) if values is None else values[chance.randrange(len(values))]
