"""A registered graph, worked out for asking: what each hop is sent, and what it has to answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from servery.domain.entities import Lookup
from servery.domain.graph_records import GraphRecord, entry_of
from servery.domain.graphs import (
    REQUEST,
    Aggregator,
    GraphSpec,
    Group,
    Member,
    Step,
    kind_of,
    needs,
    references,
)
from servery.errors import FaultError
from servery.usecases.graph.hops import ModelHop, Partner

FEATURES = "features"
"""Path of the features in the answer of a preprocessor."""


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

    @property
    def lookup(self) -> Lookup | None:
        """What the graph looks up itself; None where no step, or a model's server, does."""
        return None if self.hops else self.step.lookup


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph, worked out."""

    record: GraphRecord
    steps: list[StepPlan]

    @property
    def models(self) -> list[str]:
        """Every model of the graph, once."""
        asked = [model for step in self.steps for hop in step.hops for model in hop.models]
        return list(dict.fromkeys(asked))


def plan(record: GraphRecord) -> Plan:
    """Work a graph out.

    Raises:
        FaultError: the record does not say what goes into a model.
    """
    read = [ref for step in record.spec.steps for ref in references(step)]
    return Plan(record, [_step(record, step, read) for step in record.spec.steps])


def _step(record: GraphRecord, step: Step, read: list[str]) -> StepPlan:
    hops = [replace(hop, **_arranged(record, step, hop)) for hop in _hops(record, step, read)]
    given = [ref for hop in hops for ref in hop.inputs.values()]
    features = [f"{step.features}.{FEATURES}"] if step.features is not None else []
    # What comes from the request is there: its columns were checked.
    refs = [
        ref
        for ref in dict.fromkeys([*references(step), *features, *given])
        if ref.partition(".")[0] != REQUEST
    ]
    return StepPlan(step, frozenset(needs(step)), refs, hops)


def _hops(record: GraphRecord, step: Step, read: list[str]) -> list[ModelHop]:
    if step.group is not None:
        return [_member(record, step, step.group, m, read) for m in step.group.members]
    model = step.preprocessor or step.model
    if model is None:
        return []
    wanted = _paths(read, f"{step.name}.")
    return [_hop(record, step.name, step, model, wanted)]


def _arranged(record: GraphRecord, step: Step, hop: ModelHop) -> dict[str, Any]:
    """What the kind of a step adds to its hop."""
    match kind_of(step):
        case "pair":
            # The version is the predictor's; the preprocessor follows it.
            partner = Partner(step.model or "", step.version, follows=True)
            return {"partner": partner, "version": ""}
        case "preprocessor":
            return {"partner": _taker(record.spec, step), "preprocesses": True}
        case "looking_up" if step.lookup is not None:
            own = [column for column in step.lookup.columns if column.name not in hop.inputs]
            return {"lookup": structs.replace(step.lookup, columns=own)}
    return {"features": step.features or ""}


def _taker(spec: GraphSpec, step: Step) -> Partner | None:
    """Who takes the features of a step; the registration saw to it that all are of one pair."""
    for other in spec.steps:
        if other.features == step.name and other.model is not None:
            return Partner(other.model, other.version, follows=False)
    return None


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
    checked = record.checked.get(entry_of(part))
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
        unit=record.checked[part.name].unit if part.name in record.checked else "",
        score=score,
    )


def _paths(read: list[str], prefix: str) -> list[str]:
    return [ref.removeprefix(prefix) for ref in read if ref.startswith(prefix)]
