"""Who answers a request by what it says and when it comes: hours, matches, and keys on a circle."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from servery.domain.policies import Day

if TYPE_CHECKING:
    from servery.domain.asked import Scalar
    from servery.domain.policies import (
        Branch,
        Experiment,
        Hours,
        Match,
        RoutingPolicy,
        Variant,
    )

DAY_MINUTES = 1440
_DAYS = tuple(Day)
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What routing may go by.

    Attributes:
        headers: Of the request, by lower-case name.
        column: Gives the value of a column that all rows agree on, or None.
        now: The time, with its zone.
    """

    headers: Mapping[str, str]
    column: Callable[[str], Scalar | None]
    now: datetime


def branch_of(routing: RoutingPolicy, circumstances: Circumstances) -> Branch | None:
    """The branch that a request takes; None where none fits."""
    local = circumstances.now.astimezone(ZoneInfo(routing.zone))
    for branch in routing.branches:
        if branch.hours is not None and not within(branch.hours, local):
            continue
        if all(matches(match, circumstances) for match in branch.match):
            return branch
    return None


def within(hours: Hours, local: datetime) -> bool:
    """Whether hours have a moment, which is given in their zone.

    Hours that end before they start belong to the day on which they start.
    """
    minute = local.hour * 60 + local.minute
    start, end = minutes(hours.start), minutes(hours.end)
    today = _DAYS[local.weekday()]
    if start <= end:
        return start <= minute < end and _listed(hours, today)
    if minute >= start:
        return _listed(hours, today)
    return minute < end and _listed(hours, _DAYS[local.weekday() - 1])


def minutes(clock: str) -> int:
    """Minutes since midnight of a time of day, `24:00` at the most."""
    return int(clock[:2]) * 60 + int(clock[3:])


def matches(match: Match, circumstances: Circumstances) -> bool:
    """Whether a request has a value that fits; one that has none, or several, does not."""
    if match.header is not None:
        said = circumstances.headers.get(match.header)
        return said is not None and _header_fits(match, said.strip())
    value = circumstances.column(match.column) if match.column is not None else None
    if value is None:
        return False
    if match.among is not None and not any(_same(value, each) for each in match.among):
        return False
    return _in_range(match, value)


def key_of(experiment: Experiment, circumstances: Circumstances) -> str:
    """The key by which a request takes part in an experiment; empty where it takes none."""
    if experiment.header is not None:
        return circumstances.headers.get(experiment.header, "").strip()
    value = circumstances.column(experiment.column) if experiment.column is not None else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 7 and 7.0 are the same number, so the same key
    return "" if value is None else str(value)


def point_of(experiment: str, key: str) -> float:
    """Where a key lies on the circle [0, 1) of an experiment; each experiment shuffles anew."""
    digest = blake2b(f"{experiment}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8)
    return (int.from_bytes(digest.digest()) >> 11) / 2**53  # what a float holds: never 1.0


def variant_of(experiment: Experiment, key: str) -> Variant | None:
    """The variant that a key is assigned to; None where nothing is assigned."""
    segments = experiment.segments
    place = bisect_right(segments, point_of(experiment.name, key), key=lambda each: each.start)
    if not place:
        return None
    name = segments[place - 1].variant
    return next((each for each in experiment.variants if each.name == name), None)


def digest_of(key: str) -> str:
    """What logs know a key by, 16 hexadecimal digits; the key itself is never written down."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def is_copied(request_id: str, share: float) -> bool:
    """Whether a request is among the share that a shadow is asked too; the same for its id."""
    drawn = blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=7, person=b"shadow")
    return int.from_bytes(drawn.digest()) < share * 2**56


def _listed(hours: Hours, day: Day) -> bool:
    return not hours.days or day in hours.days


def _header_fits(match: Match, said: str) -> bool:
    if match.among is not None and not any(_says(said, each) for each in match.among):
        return False
    if match.above is None and match.at_most is None:
        return True
    number = _number(said)
    return number is not None and _in_range(match, number)


def _says(said: str, value: Scalar) -> bool:
    """Whether the text of a header says a value."""
    if isinstance(value, str):
        return said == value
    if isinstance(value, bool):
        return _TRUTH.get(said.lower()) is value
    return _number(said) == value


def _number(said: str) -> float | None:
    try:
        return float(said)
    except ValueError:
        return None


def _same(value: Scalar, other: Scalar) -> bool:
    """Equal as JSON has it: 1 is 1.0 and is not true."""
    return isinstance(value, bool) is isinstance(other, bool) and value == other


def _in_range(match: Match, value: Scalar) -> bool:
    if match.above is None and match.at_most is None:
        return True
    if isinstance(value, (bool, str)):
        return False
    return (match.above is None or value > match.above) and (
        match.at_most is None or value <= match.at_most
    )
