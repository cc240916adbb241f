"""What one part of a job asks: the graph as it is, or one member of it as a graph of its own."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from servery.domain.graph_jobs import fan_group
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import Step
from servery.errors import NotFoundError
from servery.usecases.graph.plans import Plan, plan

MEMBER_MS = 28_000
"""How long a member may take where nothing says less."""


def plan_of_part(record: GraphRecord, part: str) -> Plan:
    """How a part of a job of a graph is asked.

    Raises:
        NotFoundError: the graph has no such part.
        FaultError: the record does not say what goes into a model.
    """
    whole = plan(record)
    group = fan_group(record.spec)
    if group is None:
        return whole
    (together,) = whole.steps
    named = {
        member.name: (member, hop) for member, hop in zip(group.members, together.hops, strict=True)
    }
    if part not in named:
        raise NotFoundError(f"the graph has no member {part}")
    member, hop = named[part]
    limits = [ms for ms in (member.deadline_ms, together.step.deadline_ms) if ms is not None]
    alone = Step(
        name=member.name,
        model=member.model,
        version=member.version,
        inputs=member.inputs,
        when=together.step.when,
        deadline_ms=min(limits, default=MEMBER_MS),
    )
    spec = msgspec.structs.replace(record.spec, steps=[alone], output=[], deadline_ms=MEMBER_MS)
    step = replace(together, step=alone, hops=[replace(hop, name=member.name, deadline_ms=None)])
    return Plan(msgspec.structs.replace(record, spec=spec), [step])
