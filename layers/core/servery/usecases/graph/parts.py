"""The parts of a graph with the field that each stands in, for whoever has to name it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from servery.domain.entities import Reference
from servery.domain.graphs import GraphSpec, Step


@dataclass(frozen=True, slots=True)
class Asking:
    """A model that is asked: a step's own, or that of a member of its group.

    Attributes:
        name: Of the step or the member.
        step: The step that it belongs to.
        where: Field of the declaration, `steps[2].group.members[0]`.
        model: Name of the model.
        version: The version to ask; empty for the champion.
        inputs: Input of the model to the reference that it comes from.
        deadline_ms: How long it is waited for, where that is said.
    """

    name: str
    step: str
    where: str
    model: str
    version: str
    inputs: dict[str, Reference]
    deadline_ms: int | None


def askings(spec: GraphSpec) -> list[Asking]:
    """Every model that a graph asks, in declared order."""
    return [asking for index, step in enumerate(spec.steps) for asking in askings_of(index, step)]


def askings_of(index: int, step: Step) -> list[Asking]:
    """The models that one step asks."""
    where = f"steps[{index}]"
    found = []
    if step.model is not None:
        found.append(
            Asking(
                step.name, step.name, where, step.model, step.version, step.inputs, step.deadline_ms
            )
        )
    for number, member in enumerate(step.group.members if step.group is not None else []):
        at = f"{where}.group.members[{number}]"
        found.append(
            Asking(
                member.name,
                step.name,
                at,
                member.model,
                member.version,
                member.inputs,
                member.deadline_ms,
            )
        )
    return found


def places(index: int, step: Step) -> Iterator[tuple[str, Reference]]:
    """Every reference of a step, behind the field in which it stands."""
    where = f"steps[{index}]"
    for name, reference in step.inputs.items():
        yield f"{where}.inputs.{name}", reference
    if step.lookup is not None:
        yield f"{where}.lookup.key", step.lookup.key
    for number, member in enumerate(step.group.members if step.group is not None else []):
        for name, reference in member.inputs.items():
            yield f"{where}.group.members[{number}].inputs.{name}", reference
    if step.when is not None:
        yield f"{where}.when.of", step.when.of
