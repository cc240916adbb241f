"""What the answer of a member sets going: whether there is such a graph, and it can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from servery.domain.entities import EntityColumn
from servery.domain.graph_jobs import fan_group
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import Follow, GraphSpec, Member
from servery.errors import NotFoundError, Violation
from servery.usecases.graph.conditions import check_predicate
from servery.usecases.graph.scope import Scope
from servery.usecases.graph.types import Answers


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a job that follows come from.

    Attributes:
        graph: Name of the graph that is checked.
        request: The columns of its request.
        members: What its members answer; None where that cannot be told.
    """

    graph: str
    request: list[EntityColumn]
    members: Mapping[str, Answers | None]


def check_follows(
    spec: GraphSpec, source: Source, graph_of: Callable[[str], GraphRecord]
) -> list[Violation]:
    """Everything that is wrong with what the members of a graph set going.

    Args:
        spec: The graph.
        source: Where the rows come from.
        graph_of: A registered graph; `NotFoundError` where there is none of that name.
    """
    found = []
    for index, step in enumerate(spec.steps):
        for number, member in enumerate(step.group.members if step.group is not None else []):
            where = f"steps[{index}].group.members[{number}].then"
            if member.then is None:
                continue
            if fan_group(spec) is None:
                told = "never happens: only of a graph that is one group the members are parts"
                found.append(Violation(where, told))
                continue
            found += _when(member, member.then, where, source)
            found += _next(member.then, where, source, graph_of)
    return found


def _when(member: Member, then: Follow, where: str, source: Source) -> list[Violation]:
    answers = source.members.get(member.name)
    if then.when is None or answers is None:
        return []
    scope = Scope({member.name: answers})
    looked_at = replace(then.when, of=f"{member.name}.{then.when.of}")
    found = check_predicate(looked_at, f"{where}.when", scope, member.name)
    return [*scope.found, *found]


def _next(
    then: Follow, where: str, source: Source, graph_of: Callable[[str], GraphRecord]
) -> list[Violation]:
    circle = _way_back(then.graph, source.graph, graph_of)
    if circle:
        told = f"sets itself going, about the same rows: {' -> '.join([source.graph, *circle])}"
        return [Violation(f"{where}.graph", told)]
    try:
        wanted = graph_of(then.graph).request
    except NotFoundError:
        return [Violation(f"{where}.graph", f"there is no graph {then.graph}")]
    given = {column.name: column for column in source.request}
    complaints = (_lacks(column, given.get(column.name)) for column in wanted)
    return [
        Violation(f"{where}.graph", f"{then.graph} wants {complaint}")
        for complaint in complaints
        if complaint
    ]


def _way_back(start: str, goal: str, graph_of: Callable[[str], GraphRecord]) -> list[str]:
    """Graphs that set each other going, from one to another; empty where none lead there."""
    ways, seen = [[start]], {start}
    for way in ways:  # grows while there are graphs that nobody has looked at
        if way[-1] == goal:
            return way
        try:
            group = fan_group(graph_of(way[-1]).spec)
        except NotFoundError:
            continue
        members = group.members if group is not None else []
        found = dict.fromkeys(member.then.graph for member in members if member.then is not None)
        ways += [[*way, name] for name in found if name not in seen]
        seen |= found.keys()
    return []


def _lacks(wanted: EntityColumn, given: EntityColumn | None) -> str:
    """What keeps a column of one request from being one of another; empty if nothing does."""
    if given is None:
        return "" if wanted.nullable else f"the column {wanted.name}, which this request lacks"
    if (given.dtype, given.unit) != (wanted.dtype, wanted.unit):
        this = f"{given.dtype} in {given.unit}"
        return f"{wanted.name} as {wanted.dtype} in {wanted.unit}; here it is {this}"
    if given.nullable and not wanted.nullable:
        return f"{wanted.name}, which may be null here"
    return ""
