"""What one invocation of the worker did, for the queue, the log and the metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from servery.domain.deployment import Deployment, Served
from servery.domain.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that this worker ended, and how it came to that.

    Attributes:
        job: As it was written.
        body: The request's body, where it was read.
        answer: The answer or the problem document.
        latency_ms: What its last call took.
        deployment: Who answers for its model, where somebody was asked.
        served: Who was asked.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        degraded: Whether another version stood in.
        error: Class of the error, where it was not a model server that answered.
    """

    job: Job
    body: str = ""
    answer: str = ""
    latency_ms: float = 0.0
    deployment: Deployment | None = None
    served: Served | None = None
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Grouped:
    """One call of a model server: whose, for how many jobs."""

    model: str
    size: int


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of the jobs that a worker was told to look at.

    Attributes:
        back: Seconds after which the message of a job has to come back; all others are done with.
        ended: The jobs that it ended.
        again: The jobs that wait for another try.
        calls: The calls that it made.
        errors: Id of a job and what went wrong on our side with it; a sweep finishes such jobs.
    """

    back: dict[str, float] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    again: list[Job] = field(default_factory=list)
    calls: list[Grouped] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
