"""Asking a graph: rows in, one answer for each row out, with what became of every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from servery.domain.graph_records import GraphRecord, StepReport
from servery.domain.named_aggregators import NamedAggregator
from servery.errors import ServeryError
from servery.ports import EntityReader, Graphs
from servery.ports.crew import Crew
from servery.usecases.graph.budget import check_budgets
from servery.usecases.graph.calling import ModelCaller
from servery.usecases.graph.messages import ROUTE
from servery.usecases.graph.personal import unlogged
from servery.usecases.graph.plans import Plan, plan
from servery.usecases.graph.scheduling import Schedule
from servery.usecases.graph.values import Known, Row

MARGIN_SECONDS = 0.5  # kept of the function's own time, for answering
MOST_PLANS = 64


class GraphAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a graph answers.

    Attributes:
        id: The caller's own, where there was one.
        graph: Name of the graph.
        graph_revision: The revision that answered.
        request_id: What every log knows the request by.
        served_by: `graph`.
        partial: Whether a step stopped what came behind it, or a row has no answer.
        degraded: Whether a default or a stand-in version answered somewhere.
        predictions: For each row the answer of its output step, null where it has none; with
            `steps`, by name, where those were asked for.
        steps: What became of each step and member.
    """

    id: str | None = None
    graph: str
    graph_revision: int
    request_id: str
    served_by: str
    partial: bool = False
    degraded: bool = False
    predictions: list[dict[str, Any] | None]
    steps: list[StepReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphAsk:
    """A request to a graph.

    Attributes:
        records: The rows, which fit the columns of the graph.
        id: The caller's own id.
        steps: Whether each step's answer is wanted too.
        request_id: What every log knows the request by.
        seconds: How long this function may still run.
        spent: For how many seconds the caller has waited already.
    """

    records: list[Row]
    id: str | None
    steps: bool
    request_id: str
    seconds: float
    spent: float = 0.0


@dataclass(frozen=True, slots=True)
class GraphOutcome:
    """What came of a request: an answer or an error, and the reports in either case."""

    answer: GraphAnswer | None
    error: ServeryError | None
    reports: list[StepReport]
    model_ms: float = 0.0


class GraphAsker:
    """Asks graphs.

    Args:
        graphs: The graphs at hand.
        caller: Calls model servers.
        entities: Data to look up.
        crew: Gives the hands for one request.
        named: The aggregators of the deploy's allow-list.
    """

    def __init__(
        self,
        graphs: Graphs,
        caller: ModelCaller,
        entities: EntityReader,
        crew: Callable[[], Crew],
        named: Mapping[str, NamedAggregator] | None = None,
    ) -> None:
        self._graphs = graphs
        self._caller = caller
        self._entities = entities
        self._crew = crew
        self._named = named or {}
        self._plans: dict[tuple[str, int, str], Plan] = {}

    def find(self, name: str) -> Plan:
        """A graph, worked out; `NotFoundError` where there is none of that name."""
        record = self._graphs.get(name)
        key = (name, record.revision, record.registered)
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[key] = plan(record)
        return self._plans[key]

    def check_online(self, plan: Plan) -> None:
        """Let a caller who waits pass; `OnlineBudgetError` where a model is too much for that."""
        check_budgets(plan, self._caller.deployment)

    def ask(self, plan: Plan, asked: GraphAsk) -> GraphOutcome:
        """Take rows through a graph; it never takes longer than its deadline."""
        crew = self._crew()
        left = plan.record.spec.deadline_ms / 1000 - asked.spent
        allowed = min(left, asked.seconds - MARGIN_SECONDS)
        schedule = Schedule(
            plan=plan,
            known=Known(asked.records),
            caller=self._caller,
            entities=self._entities,
            crew=crew,
            request_id=asked.request_id,
            until=crew.now() + max(0.0, allowed),
            named=self._named,
        )
        schedule.run()
        reports = schedule.reports()
        if schedule.error is not None:
            return GraphOutcome(None, schedule.error, reports, schedule.model_ms)
        predictions = _predictions(plan.record, schedule.known, steps=asked.steps)
        answer = GraphAnswer(
            id=asked.id,
            graph=plan.record.spec.name,
            graph_revision=plan.record.revision,
            request_id=asked.request_id,
            served_by=ROUTE,
            partial=schedule.partial or not _complete(plan.record, schedule.known),
            degraded=schedule.degraded,
            predictions=predictions,
            steps=reports,
        )
        return GraphOutcome(answer, None, reports, schedule.model_ms)

    def unlogged(self, plan: Plan, *, steps: bool) -> Sequence[str]:
        """What the prediction log leaves out, since it is about persons for one of the models."""
        return unlogged(plan, self._caller.deployment, steps=steps)


def _predictions(record: GraphRecord, known: Known, *, steps: bool) -> list[Row | None]:
    found: list[Row | None] = []
    for row in range(len(known.records)):
        answer = _first(record, known.answers, row)
        if steps:
            each = {name: rows[row] for name, rows in known.answers.items() if rows[row]}
            if answer is not None or each:
                answer = {**(answer or {}), "steps": each}
        found.append(answer)
    return found


def _complete(record: GraphRecord, known: Known) -> bool:
    return all(_first(record, known.answers, i) is not None for i in range(len(known.records)))


def _first(
    record: GraphRecord, answers: Mapping[str, Sequence[Row | None]], row: int
) -> Row | None:
    """The answer of the first output step that has one for a row."""
    for name in record.spec.outputs:
        answer = answers[name][row]
        if answer is not None:
            return answer
    return None
