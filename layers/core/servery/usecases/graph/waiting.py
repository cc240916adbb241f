"""One question to one hop, from the asking to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from servery.domain.graph_records import StepReport, StepState
from servery.errors import DeadlineExceededError, ServeryError
from servery.usecases.graph.replies import Inference


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


def state_of(error: ServeryError) -> StepState:
    """How a failure is reported."""
    return StepState.LATE if isinstance(error, DeadlineExceededError) else StepState.FAILED


def _state(part: Part) -> StepState:
    return StepState.LATE if part.late else StepState.OK
