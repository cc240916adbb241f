"""A step that runs: what was asked of whom, whether it is enough, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from servery.domain.graph_records import StepReport, StepState
from servery.domain.graphs import Aggregator, Group, Slow
from servery.domain.named_aggregators import NamedAggregator
from servery.errors import DeadlineExceededError, RejectedError, ServeryError
from servery.usecases.graph.calling import Inference
from servery.usecases.graph.lookups import fill
from servery.usecases.graph.outcomes import Outcome, least, together
from servery.usecases.graph.plans import StepPlan

NOT_NEEDED = "the answer did not wait for it"
GROUP_WENT_ON = "the group went on without it"


@dataclass(slots=True)
class Part:
    """One question to one hop.

    Attributes:
        name: Of the hop: the step, or `group.member`.
        started: When it was asked.
        until: When it is given up.
        result: What it answered.
        error: What it failed with.
        late: Why nobody waits for it any more, where that is so.
        ms: Milliseconds until it was over.
    """

    name: str
    started: float
    until: float
    result: Any = None
    error: ServeryError | None = None
    late: str = ""
    ms: float = 0.0

    @property
    def open(self) -> bool:
        """Whether it is still waited for."""
        return self.result is None and self.error is None and not self.late

    def end(self, now: float, *, result: Any = None, error: ServeryError | None = None) -> None:  # noqa: ANN401
        """Note that it is over."""
        self.ms = round((now - self.started) * 1000, 3)
        self.result, self.error = result, error

    def leave(self, now: float, reason: str) -> None:
        """Note that nobody waits for it any more."""
        self.ms = round((now - self.started) * 1000, 3)
        self.late = reason

    def report(self, rows: int) -> StepReport:
        """What became of it."""
        version = self.result.model_version if isinstance(self.result, Inference) else ""
        return StepReport(
            name=self.name,
            state=state_of(self.error) if self.error else _state(self),
            rows=rows,
            model_version=version,
            ms=self.ms,
            reason=str(self.error) if self.error else self.late,
        )


@dataclass(slots=True)
class Running:
    """A step that runs.

    Attributes:
        plan: Of the step.
        rows: The rows of the request that it concerns.
        parts: What was asked, by name of the hop, in declared order.
        late_at: When members that are not in are late, where the group goes on.
        keys: The key of each row (lookup).
        named: The aggregators of the deploy's allow-list.
    """

    plan: StepPlan
    rows: list[int]
    started: float
    named: Mapping[str, NamedAggregator] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    late_at: float | None = None
    keys: list[str] = field(default_factory=list)

    def moment(self, now: float) -> float:
        """When something happens even though nobody answers: a deadline, or a group goes on."""
        moments = [part.until for part in self.parts.values() if part.open]
        if self.late_at is not None and self.late_at > now:
            moments.append(self.late_at)
        return min(moments)

    def expire(self, now: float) -> list[str]:
        """Give up the parts whose time is up; their names."""
        over = [part for part in self.parts.values() if part.open and part.until <= now]
        for part in over:
            seconds = round(part.until - part.started, 3)
            part.end(now, error=DeadlineExceededError(part.name, seconds))
        return [part.name for part in over]

    def settled(self, now: float) -> bool:
        """Whether what is in is enough, or nothing more will come."""
        if self.refused is not None or not any(part.open for part in self.parts.values()):
            return True
        group = self.plan.step.group
        return group is not None and _enough(group, self, now)

    def close(self, now: float) -> list[str]:
        """Wait for nothing more; the names of the parts that were still open."""
        group = self.plan.step.group
        first = group is not None and group.aggregate is Aggregator.ANY
        left = [part for part in self.parts.values() if part.open]
        for part in left:
            part.leave(now, NOT_NEEDED if first or not self._reached() else GROUP_WENT_ON)
        return [part.name for part in left]

    def outcome(self) -> Outcome:
        """What came of it, once it is settled."""
        step = self.plan.step
        if step.group is not None:
            return self._together(step.group)
        part = self.parts[self.plan.name]
        if part.error is not None:
            return Outcome([None] * len(self.rows), part.error)
        if step.lookup is not None:
            data: Mapping[str, Mapping[str, Any]] = part.result
            found = fill(step.name, step.lookup, data, rows=self.rows, keys=self.keys)
            return Outcome(found.rows, found.error)
        return Outcome(list(part.result.rows))

    @property
    def failed(self) -> list[ServeryError]:
        """What went wrong, in declared order."""
        return [part.error for part in self.parts.values() if part.error is not None]

    @property
    def refused(self) -> RejectedError | None:
        """What the caller has to mend before this step can work, where that is so."""
        return next((error for error in self.failed if isinstance(error, RejectedError)), None)

    def _reached(self) -> bool:
        group = self.plan.step.group
        return group is not None and len(self._in()) >= least(group)

    def _in(self) -> list[str]:
        return [part.name for part in self.parts.values() if part.result is not None]

    def _together(self, group: Group) -> Outcome:
        answered = {
            part.name.removeprefix(f"{self.plan.name}."): part.result.rows
            for part in self.parts.values()
            if part.result is not None
        }
        return together(
            self.plan.name, group, answered, self.failed, rows=len(self.rows), named=self.named
        )


def state_of(error: ServeryError) -> StepState:
    """How a failure is reported."""
    return StepState.LATE if isinstance(error, DeadlineExceededError) else StepState.FAILED


def _state(part: Part) -> StepState:
    return StepState.LATE if part.late else StepState.OK


def _enough(group: Group, running: Running, now: float) -> bool:
    parts = list(running.parts.values())
    there = sum(part.result is not None for part in parts)
    coming = sum(part.open for part in parts)
    if there + coming < least(group):
        return True
    late = group.slow is Slow.GO_ON and running.late_at is not None and now >= running.late_at
    if late and there >= least(group):
        return True
    if group.aggregate is Aggregator.ANY:
        first = next(part for part in parts if part.error is None)
        return first.result is not None
    return False
