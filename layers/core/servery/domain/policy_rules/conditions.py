"""Branches: their conditions can be looked at, and no two could fit the same request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from servery.domain.policy_rules.overlaps import apart, common_minute, contradict, moment
from servery.domain.signature import Dtype
from servery.errors import Violation

if TYPE_CHECKING:
    from servery.domain.policies import Branch, Hours, Match, Policies
    from servery.domain.policy_rules.grounds import Grounds

_FITTING = {
    Dtype.STRING: (str,),
    Dtype.BOOL: (bool,),
    Dtype.INT: (int,),
    Dtype.FLOAT: (int, float),
}


def check_branches(policies: Policies, grounds: Grounds) -> list[Violation]:
    """Zone, hours, matches and overlaps."""
    routing = policies.routing
    found = _zone(routing.zone)
    names: set[str] = set()
    for place, branch in enumerate(routing.branches):
        field = f"routing.branches[{place}]"
        if branch.name in names:
            found.append(Violation(f"{field}.name", f"another branch is called {branch.name}"))
        names.add(branch.name)
        found.extend(_branch(field, branch, grounds))
    return found or _overlaps(routing.branches)


def _zone(name: str) -> list[Violation]:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return [Violation("routing.zone", "is no time zone; one is Europe/Paris")]
    return []


def _branch(field: str, branch: Branch, grounds: Grounds) -> list[Violation]:
    if branch.hours is None and not branch.match:
        message = "takes every request; say hours or match, or name it in routing.version"
        return [Violation(field, message)]
    found = [] if branch.hours is None else _hours(f"{field}.hours", branch.hours)
    for place, match in enumerate(branch.match):
        found.extend(_match(f"{field}.match[{place}]", match, grounds))
    if not found and contradict(branch.match):
        found.append(Violation(f"{field}.match", "no request can have all of these"))
    return found


def _hours(field: str, hours: Hours) -> list[Violation]:
    if hours.start == hours.end:
        return [Violation(field, "start and end are the same; 00:00 to 24:00 is all day")]
    if hours.start == "24:00":
        return [Violation(f"{field}.start", "a day starts at 00:00")]
    if len(set(hours.days)) < len(hours.days):
        return [Violation(f"{field}.days", "a day is there twice")]
    return []


def _match(field: str, match: Match, grounds: Grounds) -> list[Violation]:
    ranged = match.above is not None or match.at_most is not None
    if (match.header is None) == (match.column is None):
        return [Violation(field, "say a header or a column")]
    if (match.among is not None) == ranged:
        return [Violation(field, "say among, or above and at_most")]
    if match.among is not None and not match.among:
        return [Violation(f"{field}.among", "is empty: no request would fit")]
    if match.above is not None and match.at_most is not None and match.above >= match.at_most:
        return [Violation(field, "nothing is above the one and at most the other")]
    if match.column is None:
        return _header(field, match)
    return _column(field, match, match.column, grounds)


def _header(field: str, match: Match) -> list[Violation]:
    if any(not isinstance(value, str) for value in match.among or []):
        return [Violation(f"{field}.among", "headers are text; write the values in quotes")]
    return []


def _column(field: str, match: Match, name: str, grounds: Grounds) -> list[Violation]:
    column = grounds.input(name)
    if column is None:
        return [Violation(f"{field}.column", f"the model has no input {name}")]
    if match.among is None:
        if column.dtype in (Dtype.INT, Dtype.FLOAT):
            return []
        return [Violation(field, f"{name} is {column.dtype}; above and at_most are for numbers")]
    kinds = _FITTING[column.dtype]
    fits = [isinstance(v, kinds) and (bool in kinds) == isinstance(v, bool) for v in match.among]
    if not all(fits):
        return [Violation(f"{field}.among", f"{name} is {column.dtype}, and not all of these are")]
    if column.categories and any(value not in column.categories for value in match.among):
        return [Violation(f"{field}.among", f"not all of these are categories of {name}")]
    return []


def _overlaps(branches: list[Branch]) -> list[Violation]:
    found: list[Violation] = []
    for place, later in enumerate(branches):
        for earlier in branches[:place]:
            if apart(earlier.match, later.match):
                continue
            minute = common_minute(earlier.hours, later.hours)
            if minute is not None:
                message = (
                    f"{later.name} and {earlier.name} could fit the same request, such as on "
                    f"{moment(minute)}; part them by hours, or by values of one header or column"
                )
                found.append(Violation(f"routing.branches[{place}]", message))
    return found
