"""What each aggregator needs of the members of a group."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from servery.domain.graphs import Aggregator, Group, Member, Slow
from servery.errors import Violation
from servery.usecases.graph.types import NUMBERS, Answers, listing

_VOTED = (Aggregator.VOTE, Aggregator.QUORUM)
_AVERAGED = (Aggregator.MEAN, Aggregator.WEIGHTED, Aggregator.MEDIAN, Aggregator.NAMED)
_WEIGHED = (Aggregator.WEIGHTED, Aggregator.NAMED)


def check_group(
    group: Group,
    where: str,
    members: Mapping[str, Answers | None],
    named: Collection[str],
) -> list[Violation]:
    """Everything that is wrong with a group, as far as its members are known.

    Args:
        group: As declared.
        where: Its field.
        members: What each member answers; None where that cannot be told.
        named: Names of the aggregators in the deploy's allow-list.
    """
    found = [*_waiting(group, where), *_settings(group, where), *_named(group, where, named)]
    if group.aggregate.scored:
        for number, member in enumerate(group.members):
            complaint = _score(member, members[member.name])
            if complaint is not None:
                found.append(Violation(f"{where}.members[{number}].score", complaint))
    if group.aggregate in _AVERAGED:
        found += _units(group, where, members)
    if group.aggregate in _VOTED:
        found += _classes(group, where, members)
    return found


def _waiting(group: Group, where: str) -> list[Violation]:
    found = []
    if group.quorum is not None and group.quorum > len(group.members):
        has = len(group.members)
        found.append(Violation(f"{where}.quorum", f"is more than the {has} members there are"))
    if group.slow is Slow.GO_ON and group.wait_ms is None:
        found.append(Violation(f"{where}.wait_ms", "is missing; slow is go_on"))
    if group.slow is not Slow.GO_ON and group.wait_ms is not None:
        found.append(Violation(f"{where}.wait_ms", "is never used; slow is not go_on"))
    return found


def _settings(group: Group, where: str) -> list[Violation]:
    """What is set and means nothing to this aggregator, and weights that are none."""
    found = []
    for number, member in enumerate(group.members):
        unused = {
            "score": bool(member.score) and not group.aggregate.scored,
            "label": bool(member.label) and group.aggregate is not Aggregator.ARGMAX,
            "weight": member.weight != 1 and group.aggregate not in _WEIGHED,
        }
        found += [
            Violation(f"{where}.members[{number}].{name}", f"is never used by {group.aggregate}")
            for name, idle in unused.items()
            if idle
        ]
    weights = [member.weight for member in group.members]
    if not math.isfinite(sum(weights)):
        found.append(Violation(f"{where}.members", "have weights that are no finite numbers"))
    elif group.aggregate is Aggregator.WEIGHTED and not sum(weights):
        found.append(Violation(f"{where}.members", "have no weight but 0"))
    return found


def _named(group: Group, where: str, named: Collection[str]) -> list[Violation]:
    field, name = f"{where}.named", group.named
    if group.aggregate is not Aggregator.NAMED:
        return [Violation(field, f"is never used by {group.aggregate}")] if name else []
    if not name:
        return [Violation(field, "is missing; aggregate is named")]
    if name in named:
        return []
    there = listing(sorted(named)) or "none at all"
    return [Violation(field, f"there is no aggregator {name} in this deploy; it has {there}")]


def _score(member: Member, answers: Answers | None) -> str | None:
    if not member.score:
        return "is missing: the path to this member's number, value or probabilities.CLASS"
    if answers is None:
        return None
    if member.score not in answers:
        return f"{member.model} has no {member.score}; it has {listing(answers)}"
    dtype = answers[member.score].dtype
    return None if dtype in NUMBERS else f"{member.score} is {dtype}, and no number"


def _units(group: Group, where: str, members: Mapping[str, Answers | None]) -> list[Violation]:
    units: dict[str, str] = {}
    for member in group.members:
        value = (members[member.name] or {}).get(member.score)
        if value is not None:
            units.setdefault(value.unit, member.name)
    if len(units) <= 1:
        return []
    said = ", ".join(f"{unit} ({name})" for unit, name in units.items())
    return [Violation(f"{where}.members", f"have scores in several units: {said}")]


def _classes(group: Group, where: str, members: Mapping[str, Answers | None]) -> list[Violation]:
    found = []
    first: tuple[str, frozenset[tuple[str, object]]] | None = None
    for number, member in enumerate(group.members):
        answers = members[member.name]
        if answers is None:
            continue
        field = f"{where}.members[{number}].model"
        if "class" not in answers:
            found.append(
                Violation(
                    field, f"{member.model} is no classifier; {group.aggregate} takes classes"
                )
            )
            continue
        chosen = answers["class"]
        classes = frozenset((chosen.dtype.value, c) for c in chosen.categories or ())
        if first is None:
            first = member.name, classes
        elif classes != first[1]:
            found.append(Violation(field, f"has other classes than {first[0]}"))
    return found
