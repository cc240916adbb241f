"""One request through a graph: every step as soon as what it needs is settled.

Nothing here knows a thread: a crew does the calls at the same time, this waits for whichever is
over first, and never for longer than the graph may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from servery.domain.graph_records import StepReport, StepState
from servery.domain.graphs import OnFailure, Slow
from servery.domain.named_aggregators import NamedAggregator
from servery.errors import InvalidInputError, ServeryError
from servery.ports import EntityReader
from servery.ports.crew import Crew, Done
from servery.usecases.graph.calling import ModelCaller
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.lookups import keys_of
from servery.usecases.graph.plans import Plan, StepPlan
from servery.usecases.graph.questions import look_up, question
from servery.usecases.graph.refusals import whose
from servery.usecases.graph.replies import Inference
from servery.usecases.graph.reporting import LEFT, Reports, halves_or_members, left, report
from servery.usecases.graph.running import Running
from servery.usecases.graph.values import Known, Row


@dataclass(slots=True)
class Schedule:
    """One request on its way.

    Attributes:
        plan: Of the graph.
        known: What is known of the rows.
        request_id: What every log knows the request by.
        until: When the graph has to be done.
        named: The aggregators of the deploy's allow-list.
        error: What the request fails with.
        partial: Whether a step stopped what came behind it.
        degraded: Whether a default or another version stood in.
        model_ms: Milliseconds in models, of all calls together.
    """

    plan: Plan
    known: Known
    caller: ModelCaller
    entities: EntityReader
    crew: Crew
    request_id: str
    until: float
    named: Mapping[str, NamedAggregator] = field(default_factory=dict)
    error: ServeryError | None = None
    partial: bool = False
    degraded: bool = False
    model_ms: float = 0.0
    _reports: Reports = field(default_factory=Reports)
    _running: dict[str, Running] = field(default_factory=dict)

    def run(self) -> None:
        """Go through the graph; afterwards `known` has the answers, or `error` is set."""
        self._start_ready()
        while self._running and self.error is None:
            now = self.crew.now()
            moment = min(running.moment(now) for running in self._running.values())
            done = self.crew.next(moment)
            now = self.crew.now()
            if done is not None:
                self._take(done, now)
            for running in list(self._running.values()):
                for name in running.expire(now):
                    self.crew.drop(name)
                if running.settled(now) and self.error is None:
                    self._settle(running, now)
            if self.error is None:
                self._start_ready()
        self._leave()

    def reports(self) -> list[StepReport]:
        """What became of each step and member, in declared order."""
        return self._reports.listed(step.name for step in self.plan.steps)

    # --- starting

    def _start_ready(self) -> None:
        started = True
        while started:  # a step that concerns no row is over at once, and others may follow it
            started = False
            for step in self.plan.steps:
                if self._is_ready(step):
                    self._start(step)
                    started = True

    def _is_ready(self, step: StepPlan) -> bool:
        waits = step.name not in self._reports and step.name not in self._running
        return waits and all(name in self._reports for name in step.needs)

    def _start(self, plan: StepPlan) -> None:
        rows = self.known.concerned(plan.references, plan.step.when)
        if not rows:
            barren = self._reports.barren(plan.needs)
            state = StepState.NOT_RUN if barren else StepState.SKIPPED
            self._reports.note(StepReport(name=plan.name, state=state))
            self.known.answers[plan.name] = [None] * len(self.known.records)
            return
        now = self.crew.now()
        running = Running(plan, rows, started=now, named=self.named)
        self._running[plan.name] = running
        self._look_up(running)
        for hop in plan.hops:
            self._ask(running, hop)
        group = plan.step.group
        if group is not None and group.slow is Slow.GO_ON and group.wait_ms is not None:
            running.late_at = now + group.wait_ms / 1000

    def _ask(self, running: Running, hop: ModelHop) -> None:
        limits = (running.plan.step.deadline_ms, hop.deadline_ms)
        part = running.expect(hop.name, self.until, *limits)
        asked = question(hop, self.known, running.rows)
        self.crew.start(
            hop.name,
            lambda: self.caller.ask(hop, asked, request_id=self.request_id, until=part.until),
        )

    def _look_up(self, running: Running) -> None:
        name, lookup = running.plan.name, running.plan.lookup
        if lookup is None:
            return
        running.expect(name, self.until, running.plan.step.deadline_ms)
        running.keys = keys_of(lookup, self.known, running.rows)
        keys = {key for key in running.keys if key}
        self.crew.start(name, look_up(self.entities, name, lookup, keys))

    # --- settling

    def _take(self, done: Done, now: float) -> None:
        running = self._running.get(done.ticket.partition(".")[0])
        part = running.parts.get(done.ticket) if running else None
        if running is None or part is None or not part.open:
            return
        part.end(now, result=done.result, error=self._failure(running, done))
        if isinstance(done.result, Inference):
            self.model_ms += done.result.model_ms

    def _failure(self, running: Running, done: Done) -> ServeryError | None:
        error = done.error
        if isinstance(error, InvalidInputError):
            hop = next(hop for hop in running.plan.hops if hop.name == done.ticket)
            return whose(hop, running.rows, error)
        if error is None or isinstance(error, ServeryError):
            return error
        raise error

    def _settle(self, running: Running, now: float) -> None:
        plan = running.plan
        for name in running.close(now):
            self.crew.drop(name)
        outcome = running.outcome()
        error = running.refused or outcome.error
        self._reports.note(report(running, error, now), halves_or_members(running))
        answers: list[Row | None] = [None] * len(self.known.records)
        for row, answer in zip(running.rows, outcome.rows, strict=True):
            answers[row] = answer
        del self._running[plan.name]
        if error is not None:
            self._fail(running, error, answers, refused=running.refused is not None)
        elif running.degraded:
            self.degraded = True
        self.known.answers[plan.name] = answers
        self.known.pairs[plan.name] = running.pair

    def _fail(
        self, running: Running, error: ServeryError, answers: list[Row | None], *, refused: bool
    ) -> None:
        """Do what the step says about its failure.

        What the caller has to mend is refused whatever the step says: a default would hide it.
        """
        step = running.plan.step
        if refused or step.on_failure is OnFailure.FAIL:
            self.error = error
        elif step.on_failure is OnFailure.STOP:
            self.partial = True
        else:
            self.degraded = True
            for row in running.rows:
                if answers[row] is None:
                    answers[row] = dict(step.default or {})

    def _leave(self) -> None:
        """Wait for nothing more; what runs when a request has failed is not needed any more."""
        now = self.crew.now()
        for running in self._running.values():
            for part in running.parts.values():
                if part.open:
                    self.crew.drop(part.name)
                    part.leave(now, LEFT)
            self._reports.note(left(running, now), halves_or_members(running))
        self._running.clear()
