"""All checks of a graph before it is registered, against the models as they are deployed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from servery.domain.entities import EntityColumn
from servery.domain.graph_records import GraphRecord, Pinned
from servery.domain.graphs import GraphSpec, OnFailure, Step, kind_of
from servery.errors import InvalidSpecError, NotFoundError, Violation
from servery.usecases.graph.conditions import check_default, check_predicate
from servery.usecases.graph.deadlines import check_deadlines
from servery.usecases.graph.following import Source, check_follows
from servery.usecases.graph.groups import check_group
from servery.usecases.graph.halves import check_halves, look_up
from servery.usecases.graph.mapping import check_inputs, sources
from servery.usecases.graph.models import Known, Models
from servery.usecases.graph.parts import Asking, askings, askings_of, places
from servery.usecases.graph.scope import Scope, is_request
from servery.usecases.graph.structure import check_structure
from servery.usecases.graph.types import NUMBERS, Answers, of_group, of_lookup, of_model, unit_of

MOST_VIOLATIONS = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of a graph that holds together has found out.

    Attributes:
        pinned: The models that it was checked against, by name of the step or member.
        request: The columns of a request.
    """

    pinned: dict[str, Pinned]
    request: list[EntityColumn]


def check_graph(
    spec: GraphSpec,
    models: Models,
    *,
    named: Collection[str] = (),
    graph_of: Callable[[str], GraphRecord] | None = None,
) -> Checked:
    """Check a graph against what is deployed.

    Args:
        spec: As its author declares it.
        models: The models as they are deployed.
        named: Names of the aggregators in the deploy's allow-list.
        graph_of: A registered graph, for those that members set going; none without.

    Raises:
        InvalidSpecError: with everything that is wrong, by field.
        ArtifactError: the manifest of a model is missing or is another one.
    """
    violations = check_structure(spec)
    known, unknown = look_up(spec, models)
    violations += [*unknown, *check_halves(spec, known)]
    scope = Scope(_answers(spec, known))
    for index, step in enumerate(spec.steps):
        for asking in askings_of(index, step):
            if asking.name in known:
                violations += check_inputs(asking, known[asking.name], scope)
    # Keys and predicates take the type that a model wants a column with, so they come behind.
    for index, step in enumerate(spec.steps):
        violations += _step(step, f"steps[{index}]", scope, known, named)
    violations += [*scope.found, *_defaults(spec, known), *check_deadlines(spec, known)]
    violations += check_follows(spec, _source(spec, scope, known), graph_of or _no_graph)
    if violations:
        kept = tuple(dict.fromkeys(violations))[:MOST_VIOLATIONS]
        raise InvalidSpecError(f"the graph is not valid: {kept[0].field}: {kept[0].message}", kept)
    pinned = {a.name: _pin(a, known[a.name]) for a in askings(spec)}
    return Checked(pinned, scope.request)


def _no_graph(name: str) -> GraphRecord:
    raise NotFoundError(f"there is no graph {name}")


def _pin(asking: Asking, known: Known) -> Pinned:
    inputs = sources(asking, known)
    numbers = {field.name for field in known.signature.inputs if field.dtype in NUMBERS}
    return Pinned(
        model=known.model,
        version=known.version,
        signature=known.signature.digest(),
        inputs=inputs,
        numbers=[name for name in inputs if name in numbers],
        unit=unit_of(known.signature),
    )


def _source(spec: GraphSpec, scope: Scope, known: Mapping[str, Known]) -> Source:
    members: dict[str, Answers | None] = {}
    for step in spec.steps:
        members |= _members(step, known)
    return Source(spec.name, scope.request, members)


def _answers(spec: GraphSpec, known: Mapping[str, Known]) -> dict[str, Answers | None]:
    return {step.name: _answer(step, known) for step in spec.steps}


def _answer(step: Step, known: Mapping[str, Known]) -> Answers | None:
    """What a step answers, as far as that can be told."""
    if step.group is None:
        if kind_of(step) == "lookup" and step.lookup is not None:
            return of_lookup(step.lookup)
        return of_model(known[step.name].signature) if step.name in known else None
    members = _members(step, known)
    whole = {name: answers for name, answers in members.items() if answers is not None}
    return of_group(step.group, whole) if len(whole) == len(step.group.members) else None


def _members(step: Step, known: Mapping[str, Known]) -> dict[str, Answers | None]:
    names = [member.name for member in step.group.members] if step.group is not None else []
    return {name: of_model(known[name].signature) if name in known else None for name in names}


def _step(
    step: Step, where: str, scope: Scope, known: Mapping[str, Known], named: Collection[str]
) -> list[Violation]:
    found = []
    if step.lookup is not None:
        scope.want_key(f"{where}.lookup.key", step.lookup.key, step.name)
    if step.group is not None:
        found += check_group(step.group, f"{where}.group", _members(step, known), named)
    if step.when is not None:
        found += check_predicate(step.when, f"{where}.when", scope, step.name)
    return found


def _defaults(spec: GraphSpec, known: Mapping[str, Known]) -> list[Violation]:
    """Defaults of the wrong form, and those that lack what a step behind them reads."""
    found = []
    read = [
        reference
        for index, step in enumerate(spec.steps)
        for _, reference in places(index, step)
        if not is_request(reference)
    ]
    for index, step in enumerate(spec.steps):
        answers = _answer(step, known)
        if step.on_failure is not OnFailure.DEFAULT or step.default is None or answers is None:
            continue
        field = f"steps[{index}].default"
        found += check_default(step, field, answers)
        for reference in read:
            head, _, path = reference.partition(".")
            if head == step.name and path in answers and not _has(step.default, path):
                found.append(Violation(f"{field}.{path}", "is missing; a step behind it reads it"))
    return found


def _has(default: object, path: str) -> bool:
    """Whether a default has a value under a path; names in it may have dots of their own."""
    if not path or not isinstance(default, dict):
        return not path
    return any(
        _has(value, path[len(name) :].removeprefix("."))
        for name, value in default.items()
        if path == name or path.startswith(f"{name}.")
    )
