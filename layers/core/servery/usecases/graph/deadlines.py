"""Deadlines that cannot hold: shorter than a model was measured, or longer than the graph's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from servery.domain.graphs import Aggregator, GraphSpec, Group, Slow, Step, needs
from servery.errors import Violation
from servery.usecases.graph.models import Known
from servery.usecases.graph.parts import Asking, askings_of
from servery.usecases.graph.structure import order

Speeds = Mapping[str, Known]


def check_deadlines(spec: GraphSpec, known: Speeds) -> list[Violation]:
    """Compare what is declared with what was measured, and with the graph's own deadline.

    Args:
        spec: The graph.
        known: The models that could be found, by name of the step or member.
    """
    found = []
    for index, step in enumerate(spec.steps):
        asked = askings_of(index, step)
        if step.group is None:
            found += _too_short(asked, known)
            continue
        found += [violation for asking in asked for violation in _too_short([asking], known)]
        found += _group(spec, step, step.group, f"steps[{index}]", known)
    return found + _longest(spec, known)


def _too_short(asked: Sequence[Asking], known: Speeds) -> list[Violation]:
    """A deadline for models that are asked one after the other, and what they were measured at."""
    if not asked:
        return []
    measured, deadline = sum(_p99(known, asking.name) for asking in asked), asked[0].deadline_ms
    if deadline is None or deadline >= measured:
        return []
    models = " and ".join(asking.model for asking in asked)
    told = f"cannot hold: one row takes {models} up to {measured:.4g} ms"
    return [Violation(f"{asked[0].where}.deadline_ms", told)]


def _group(spec: GraphSpec, step: Step, group: Group, where: str, known: Speeds) -> list[Violation]:
    found = []
    patience = step.deadline_ms or spec.deadline_ms
    if group.wait_ms is not None and group.wait_ms >= patience:
        told = f"is never reached; there are {patience} ms in all"
        found.append(Violation(f"{where}.group.wait_ms", told))
    needed = _needed(group, known)
    for field, declared in (("deadline_ms", step.deadline_ms), ("group.wait_ms", group.wait_ms)):
        if declared is not None and declared < needed:
            told = f"cannot hold: the members that have to be in take up to {needed:.4g} ms"
            found.append(Violation(f"{where}.{field}", told))
    return found


def _needed(group: Group, known: Speeds) -> float:
    """Milliseconds after which as many members as have to be in can be."""
    speeds = sorted(_p99(known, member.name) for member in group.members)
    most = len(speeds)
    count = 1 if group.aggregate is Aggregator.ANY else min(group.quorum or most, most)
    return speeds[count - 1]


def _longest(spec: GraphSpec, known: Speeds) -> list[Violation]:
    """The path of steps that takes longest: declared deadlines, measured times where none is."""
    steps = order(spec)
    if steps is None:
        return []
    ends: dict[str, tuple[float, tuple[str, ...]]] = {}
    for step in steps:
        before = max((ends[name] for name in needs(step) if name in ends), default=(0.0, ()))
        ends[step.name] = before[0] + _takes(step, known), (*before[1], step.name)
    total, path = max(ends.values())
    if total <= spec.deadline_ms:
        return []
    told = f"is less than {' -> '.join(path)} may take: {total:.4g} ms"
    return [Violation("deadline_ms", told)]


def _takes(step: Step, known: Speeds) -> float:
    if step.deadline_ms is not None:
        return step.deadline_ms
    group = step.group
    if group is None:
        return sum(_p99(known, asking.name) for asking in askings_of(0, step))
    if group.slow is Slow.GO_ON and group.wait_ms is not None:
        return group.wait_ms
    return max(m.deadline_ms or _p99(known, m.name) for m in group.members)


def _p99(known: Speeds, name: str) -> float:
    return known[name].p99_ms if name in known else 0.0
