"""What a request says about its steps: what became of each, of its members and of its halves."""

from __future__ import annotations

from collections.abc import Iterable

from servery.domain.graph_records import StepReport, StepState
from servery.domain.graphs import OnFailure
from servery.domain.manifest import Part as Half
from servery.errors import ServeryError
from servery.usecases.graph.replies import Inference
from servery.usecases.graph.running import Running
from servery.usecases.graph.waiting import state_of

LEFT = "the graph was over before it answered"
_BARREN = (StepState.FAILED, StepState.LATE, StepState.NOT_RUN)


class Reports:
    """What became of the steps of a request that are over."""

    def __init__(self) -> None:
        self._steps: dict[str, StepReport] = {}
        self._parts: dict[str, list[StepReport]] = {}

    def __contains__(self, step: str) -> bool:
        """Whether a step is over."""
        return step in self._steps

    def barren(self, steps: Iterable[str]) -> bool:
        """Whether one of these steps, all of them over, has come to nothing."""
        return any(self._steps[step].state in _BARREN for step in steps)

    def note(self, report: StepReport, parts: Iterable[StepReport] = ()) -> None:
        """Keep what became of a step, and of its members or halves."""
        self._steps[report.name] = report
        self._parts[report.name] = list(parts)

    def listed(self, steps: Iterable[str]) -> list[StepReport]:
        """What became of these steps, each with its parts behind it."""
        found = []
        for step in steps:
            known = self._steps.get(step)
            found.append(known or StepReport(name=step, state=StepState.NOT_RUN))
            found += self._parts.get(step, [])
        return found


def report(running: Running, error: ServeryError | None, now: float) -> StepReport:
    """What became of a step that is settled."""
    step = running.plan.step
    state = StepState.OK
    if error is not None:
        defaulted = step.on_failure is OnFailure.DEFAULT and running.refused is None
        state = StepState.DEFAULT if defaulted else state_of(error)
    rows = len(running.rows)
    version = ""
    if step.group is None:
        version = running.parts[running.plan.name].report(rows).model_version
    return StepReport(
        name=step.name,
        state=state,
        rows=rows,
        model_version=version,
        ms=_milliseconds(running, now),
        reason=str(error) if error else "",
    )


def left(running: Running, now: float) -> StepReport:
    """What became of a step that was still running when the request was over."""
    return StepReport(
        name=running.plan.name,
        state=StepState.LATE,
        rows=len(running.rows),
        ms=_milliseconds(running, now),
        reason=LEFT,
    )


def halves_or_members(running: Running) -> list[StepReport]:
    """What became of the members of a group, or of the two halves of a pair in a line."""
    rows = len(running.rows)
    if running.plan.step.group is not None:
        return [part.report(rows) for part in running.parts.values()]
    for part in running.parts.values():
        if isinstance(part.result, Inference):
            return part.result.halves
        if part.error is not None:
            return _failed(part.name, part.error, rows)
    return []


def _failed(name: str, error: ServeryError, rows: int) -> list[StepReport]:
    """The halves of a pair, as far as the failure says which of them it comes from."""
    halves = [f"{name}.{half}" for half in (Half.PREPROCESSOR, Half.PREDICTOR)]
    hop = getattr(error, "hop", "")
    if hop not in halves:
        return []
    states = {halves[0]: StepState.OK, halves[1]: StepState.NOT_RUN, hop: state_of(error)}
    return [
        StepReport(
            name=half,
            state=state,
            rows=0 if state is StepState.NOT_RUN else rows,
            reason=str(error) if half == hop else "",
        )
        for half, state in states.items()
    ]


def _milliseconds(running: Running, now: float) -> float:
    return round((now - running.started) * 1000, 3)
