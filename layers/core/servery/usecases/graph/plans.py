"""A registered graph, worked out for asking: what each hop is sent, and what it has to answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import REQUEST, Aggregator, Group, Member, Step, needs, references
from servery.errors import FaultError


@dataclass(frozen=True, slots=True)
class ModelHop:
    """One model that is asked.

    Attributes:
        name: What errors and reports name it by.
        model: Name of the model.
        version: The version to ask; empty for the champion.
        inputs: Input to the reference that it comes from.
        numbers: The inputs that are numbers.
        wanted: Paths that its answer has to have, since somebody reads them.
        deadline_ms: How long it is waited for, where that is said.
        score: Path of the number that its group reckons with, where it does.
    """

    name: str
    model: str
    version: str
    inputs: dict[str, str]
    numbers: frozenset[str]
    wanted: tuple[str, ...]
    deadline_ms: int | None
    score: str = ""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step, worked out.

    Attributes:
        step: As declared.
        needs: The steps that it waits for.
        references: What it reads of them; a row for which one finds nothing is left out.
        hops: The models that it asks; none for a lookup.
    """

    step: Step
    needs: frozenset[str]
    references: list[str]
    hops: list[ModelHop]

    @property
    def name(self) -> str:
        """Of the step."""
        return self.step.name


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph, worked out."""

    record: GraphRecord
    steps: list[StepPlan]

    @property
    def models(self) -> list[str]:
        """Every model of the graph, once."""
        return list(dict.fromkeys(hop.model for step in self.steps for hop in step.hops))


def plan(record: GraphRecord) -> Plan:
    """Work a graph out.

    Raises:
        FaultError: the record does not say what goes into a model.
    """
    read = [ref for step in record.spec.steps for ref in references(step)]
    return Plan(record, [_step(record, step, read) for step in record.spec.steps])


def _step(record: GraphRecord, step: Step, read: list[str]) -> StepPlan:
    hops = []
    if step.model is not None:
        wanted = _paths(read, f"{step.name}.")
        hops.append(_hop(record, step.name, step, step.model, wanted))
    elif step.group is not None:
        hops = [_member(record, step, step.group, m, read) for m in step.group.members]
    given = [ref for hop in hops for ref in hop.inputs.values()]
    # What comes from the request is there: its columns were checked.
    refs = [
        ref
        for ref in dict.fromkeys([*references(step), *given])
        if ref.partition(".")[0] != REQUEST
    ]
    return StepPlan(step, frozenset(needs(step)), refs, hops)


def _member(
    record: GraphRecord, step: Step, group: Group, member: Member, read: list[str]
) -> ModelHop:
    wanted: list[str] = []
    score = member.score if group.aggregate.scored else ""
    if group.aggregate in (Aggregator.VOTE, Aggregator.QUORUM):
        wanted = ["class"]
    elif group.aggregate is Aggregator.ANY:
        wanted = _paths(read, f"{step.name}.")
    elif group.aggregate is Aggregator.ALL:
        wanted = _paths(read, f"{step.name}.{member.name}.")
    return _hop(record, f"{step.name}.{member.name}", member, member.model, wanted, score=score)


def _hop(
    record: GraphRecord,
    name: str,
    part: Step | Member,
    model: str,
    wanted: Iterable[str],
    *,
    score: str = "",
) -> ModelHop:
    checked = record.checked.get(part.name)
    if checked is None or (part.inputs and not checked.inputs):
        raise FaultError(f"the record of the graph does not say what goes into {name}")
    return ModelHop(
        name=name,
        model=model,
        version=part.version,
        inputs=checked.inputs,
        numbers=frozenset(checked.numbers),
        wanted=tuple(dict.fromkeys(wanted)),
        deadline_ms=part.deadline_ms,
        score=score,
    )


def _paths(read: list[str], prefix: str) -> list[str]:
    return [ref.removeprefix(prefix) for ref in read if ref.startswith(prefix)]
