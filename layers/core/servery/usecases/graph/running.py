"""A step that runs: what was asked of whom, whether it is enough, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from servery.domain.graphs import Aggregator, Group, Slow
from servery.domain.named_aggregators import NamedAggregator
from servery.errors import DeadlineExceededError, RejectedError, ServeryError
from servery.usecases.graph.lookups import fill
from servery.usecases.graph.outcomes import Outcome, least, together
from servery.usecases.graph.plans import StepPlan
from servery.usecases.graph.replies import Inference
from servery.usecases.graph.waiting import Part

NOT_NEEDED = "the answer did not wait for it"
GROUP_WENT_ON = "the group went on without it"


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

    def expect(self, name: str, until: float, *deadlines: int | None) -> Part:
        """Wait for a hop, until the earliest of its deadlines (milliseconds) and of `until`."""
        ends = [self.started + ms / 1000 for ms in deadlines if ms is not None]
        part = Part(name, self.started, min([until, *ends]))
        self.parts[name] = part
        return part

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
            part.end(now, error=DeadlineExceededError(self._reached_by(part), seconds))
        return [part.name for part in over]

    def _reached_by(self, part: Part) -> str:
        hops = {hop.name: hop.reached for hop in self.plan.hops}
        return hops.get(part.name, part.name)

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
        lookup = self.plan.lookup
        if lookup is not None:
            data: Mapping[str, Mapping[str, Any]] = part.result
            found = fill(step.name, lookup, data, rows=self.rows, keys=self.keys)
            return Outcome(found.rows, found.error)
        return Outcome(list(part.result.rows))

    @property
    def pair(self) -> str:
        """The pair that answered, where it is one half of one that did."""
        results = [part.result for part in self.parts.values()]
        return next((result.pair for result in results if isinstance(result, Inference)), "")

    @property
    def degraded(self) -> bool:
        """Whether another version stood in somewhere."""
        results = [part.result for part in self.parts.values()]
        return any(isinstance(result, Inference) and result.degraded for result in results)

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
