"""Whether two sets of conditions could hold for one request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

from servery.domain.policies import Day

if TYPE_CHECKING:
    from servery.domain.policies import Hours, Match

DAY = 24 * 60
WEEK = 7 * DAY

Value = tuple[str, object]


def intervals(hours: Hours | None) -> list[tuple[int, int]]:
    """The minutes of the week, from Monday 00:00, as [start, end); the whole week for None."""
    if hours is None:
        return [(0, WEEK)]
    found: list[tuple[int, int]] = []
    days = list(Day)
    start, end = _minutes(hours.start), _minutes(hours.end)
    length = end - start if end > start else end - start + DAY
    for day in hours.days or days:
        first = days.index(day) * DAY + start
        found.append((first, min(first + length, WEEK)))
        if first + length > WEEK:
            found.append((0, first + length - WEEK))
    return found


def common_minute(one: Hours | None, other: Hours | None) -> int | None:
    """The first minute of the week that is in both; None where there is none."""
    common = [
        max(a[0], b[0])
        for a, b in product(intervals(one), intervals(other))
        if max(a[0], b[0]) < min(a[1], b[1])
    ]
    return min(common, default=None)


def moment(minute: int) -> str:
    """A minute of the week for a person: `mon 08:00`."""
    day, rest = divmod(minute, DAY)
    return f"{list(Day)[day]} {rest // 60:02}:{rest % 60:02}"


def apart(one: Sequence[Match], other: Sequence[Match]) -> bool:
    """Whether some value would have to be two things at once for both to hold."""
    return any(_disjoint(a, b) for a, b in product(one, other))


def contradict(matches: Sequence[Match]) -> bool:
    """Whether no request could have all of them."""
    return any(_disjoint(a, b) for a, b in combinations(matches, 2))


def _disjoint(one: Match, other: Match) -> bool:
    if (one.header, one.column) != (other.header, other.column):
        return False
    if one.among is not None and other.among is not None:
        return not {_typed(v) for v in one.among} & {_typed(v) for v in other.among}
    if one.among is None and other.among is None:
        return max(_above(one), _above(other)) >= min(_at_most(one), _at_most(other))
    listed, ranged = (one, other) if one.among is not None else (other, one)
    numbers = (_number(value) for value in listed.among or [])
    return not any(n is not None and _above(ranged) < n <= _at_most(ranged) for n in numbers)


def _typed(value: object) -> Value:
    """What tells values apart: 1 and 1.0 are one value, 1 and true are two."""
    if isinstance(value, bool | str):
        return type(value).__name__, value
    return "number", value


def _number(value: object) -> float | None:
    """The number that a value is, or that the text of a header says; None where it is none."""
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _above(match: Match) -> float:
    return -math.inf if match.above is None else match.above


def _at_most(match: Match) -> float:
    return math.inf if match.at_most is None else match.at_most


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
