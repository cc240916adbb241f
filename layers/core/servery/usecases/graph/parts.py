"""The parts of a graph with the field that each stands in, for whoever has to name it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from servery.domain.entities import EntityColumn, Reference
from servery.domain.graph_records import entry_of
from servery.domain.graphs import GraphSpec, Step, kind_of
from servery.domain.manifest import Part as Half


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
        half: Which half of a pair it has to be; None for a whole model.
        looked_up: The columns that its server looks up.
    """

    name: str
    step: str
    where: str
    model: str
    version: str
    inputs: dict[str, Reference]
    deadline_ms: int | None
    half: Half | None = None
    looked_up: tuple[EntityColumn, ...] = ()

    @property
    def field(self) -> str:
        """Field of the declaration that names the model."""
        return f"{self.where}.{'preprocessor' if self.half is Half.PREPROCESSOR else 'model'}"


def askings(spec: GraphSpec) -> list[Asking]:
    """Every model that a graph asks, in declared order."""
    return [asking for index, step in enumerate(spec.steps) for asking in askings_of(index, step)]


def askings_of(index: int, step: Step) -> list[Asking]:
    """The models that one step asks; of a pair in a line the preprocessor first."""
    where = f"steps[{index}]"
    whole = Asking(
        name=step.name,
        step=step.name,
        where=where,
        model=step.model or "",
        version=step.version,
        inputs=step.inputs,
        deadline_ms=step.deadline_ms,
    )
    first = replace(
        whole,
        name=entry_of(step),
        model=step.preprocessor or "",
        version="",
        half=Half.PREPROCESSOR,
    )
    match kind_of(step):
        case "model" if step.features is None:
            return [whole]
        case "model":
            return [replace(whole, inputs={}, half=Half.PREDICTOR)]
        case "looking_up" if step.lookup is not None:
            own = [c for c in step.lookup.columns if c.name not in step.inputs]
            return [replace(whole, looked_up=tuple(own))]
        case "preprocessor":
            return [first]
        case "pair":
            return [first, replace(whole, inputs={}, half=Half.PREDICTOR)]
    members = step.group.members if step.group is not None else []
    return [
        replace(
            whole,
            name=member.name,
            where=f"{where}.group.members[{number}]",
            model=member.model,
            version=member.version,
            inputs=member.inputs,
            deadline_ms=member.deadline_ms,
        )
        for number, member in enumerate(members)
    ]


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
