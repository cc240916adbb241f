"""What can be wrong with a graph without looking at any model: kinds, names, references, cycles."""

from __future__ import annotations

from collections import Counter

from servery.domain.graphs import (
    REQUEST,
    Aggregator,
    GraphSpec,
    Kind,
    OnFailure,
    Step,
    kind_of,
    needs,
)
from servery.errors import Violation
from servery.usecases.graph.parts import places

_KINDS = (
    "a model, a preprocessor, both of them, a lookup, a model with a lookup of its own, a group"
)
_NONE = "a {kind} has none of its own"
_MISSING = "missing"  # the member of an answer that lists who is not in


def check_structure(spec: GraphSpec) -> list[Violation]:
    """Everything that is wrong with the declaration by itself."""
    found = _names(spec)
    for index, step in enumerate(spec.steps):
        found += [*_kind(index, step), *_failure(index, step)]
    return [*found, *_references(spec), *_features(spec), *_outputs(spec), *_cycles(spec)]


def order(spec: GraphSpec) -> list[Step] | None:
    """The steps so that each stands behind those that it needs; None where they go in circles."""
    known = {step.name for step in spec.steps}
    waiting, done, ordered = list(spec.steps), set[str](), list[Step]()
    while waiting:
        ready = [step for step in waiting if needs(step) & known <= done]
        if not ready:
            return None
        ordered += ready
        done |= {step.name for step in ready}
        waiting = [step for step in waiting if step.name not in done]
    return ordered


def _names(spec: GraphSpec) -> list[Violation]:
    named = [(f"steps[{index}].name", step.name) for index, step in enumerate(spec.steps)]
    for index, step in enumerate(spec.steps):
        for number, member in enumerate(step.group.members if step.group is not None else []):
            field = f"steps[{index}].group.members[{number}].name"
            named.append((field, member.name))
    seen = {REQUEST}
    found = []
    for field, name in named:
        if name in seen:
            taken = "is what the request is called" if name == REQUEST else f"{name} is there twice"
            found.append(Violation(field, taken))
        seen.add(name)
    return found


def _kind(index: int, step: Step) -> list[Violation]:
    where, kind = f"steps[{index}]", kind_of(step)
    if kind is None:
        return [Violation(where, f"{step.name} is none of these: {_KINDS}")]
    found = _settings(where, kind, step)
    if step.group is not None and step.group.aggregate is Aggregator.ALL:
        found += [
            Violation(f"{where}.group.members[{number}].name", "is what lists those not in")
            for number, member in enumerate(step.group.members)
            if member.name == _MISSING
        ]
    if step.lookup is not None:
        counted = Counter(column.name for column in step.lookup.columns)
        found += [
            Violation(f"{where}.lookup.columns", f"{name} is there twice")
            for name, times in counted.items()
            if times > 1
        ]
    return found


def _settings(where: str, kind: Kind, step: Step) -> list[Violation]:
    """What is said of a step and means nothing for its kind."""
    told = {
        "lookup": {"version": _NONE, "inputs": _NONE},
        "group": {"version": _NONE, "inputs": _NONE},
        "preprocessor": {"version": "follows from its predictor, whose version can be given"},
    }.get(kind, {})
    if kind != "model":
        told["features"] = "go into a model alone"
    elif step.features is not None:
        told["inputs"] = "are the features, whole"
    return [
        Violation(f"{where}.{name}", said.format(kind=kind))
        for name, said in told.items()
        if getattr(step, name)
    ]


def _features(spec: GraphSpec) -> list[Violation]:
    steps = {step.name: step for step in spec.steps}
    found = []
    for index, step in enumerate(spec.steps):
        if step.features is None or kind_of(step) != "model":
            continue
        field = f"steps[{index}].features"
        if step.features not in steps:
            found.append(Violation(field, f"there is no step {step.features}"))
        elif kind_of(steps[step.features]) != "preprocessor":
            found.append(Violation(field, f"{step.features} is no preprocessor"))
    return found


def _failure(index: int, step: Step) -> list[Violation]:
    field = f"steps[{index}].default"
    if step.on_failure is OnFailure.DEFAULT and kind_of(step) == "preprocessor":
        told = "is nothing for features; let the step that takes them have one"
        return [Violation(f"steps[{index}].on_failure", told)]
    if step.on_failure is OnFailure.DEFAULT and step.default is None:
        return [Violation(field, "is missing; on_failure is default")]
    if step.on_failure is not OnFailure.DEFAULT and step.default is not None:
        return [Violation(field, "is never answered; on_failure is not default")]
    return []


def _references(spec: GraphSpec) -> list[Violation]:
    steps = {step.name for step in spec.steps}
    members = {
        member.name: step.name
        for step in spec.steps
        for member in (step.group.members if step.group is not None else [])
    }
    found = []
    for index, step in enumerate(spec.steps):
        for field, reference in places(index, step):
            head, _, rest = reference.partition(".")
            if head not in steps and head != REQUEST:
                group = members.get(head)
                hint = f"; a member is {group}.{head}" if group else ""
                found.append(Violation(field, f"there is no step {head}{hint}"))
            elif not rest:
                found.append(Violation(field, f"says {head}, and not what of it: {head}.NAME"))
    return found


def _outputs(spec: GraphSpec) -> list[Violation]:
    steps = {step.name for step in spec.steps}
    found = []
    for index, name in enumerate(spec.output):
        if name not in steps:
            found.append(Violation(f"output[{index}]", f"there is no step {name}"))
        elif name in spec.output[:index]:
            found.append(Violation(f"output[{index}]", f"{name} is there twice"))
    return found


def _cycles(spec: GraphSpec) -> list[Violation]:
    """Every circle once, at the first step of it that is declared."""
    edges = {step.name: sorted(needs(step)) for step in spec.steps}
    at = {step.name: index for index, step in reversed(list(enumerate(spec.steps)))}
    left: set[str] = set()
    circles: dict[frozenset[str], list[str]] = {}

    def follow(name: str, path: list[str]) -> None:
        if name in path:
            circle = path[path.index(name) :]
            circles.setdefault(frozenset(circle), circle)
        elif name in edges and name not in left:
            for needed in edges[name]:
                follow(needed, [*path, name])
            left.add(name)

    for step in spec.steps:
        follow(step.name, [])
    found = []
    for circle in circles.values():
        first = min(circle, key=at.__getitem__)
        turn = circle.index(first)
        path = [*circle[turn:], *circle[:turn], first]
        found.append(Violation(f"steps[{at[first]}]", f"needs itself: {' -> '.join(path)}"))
    return found
