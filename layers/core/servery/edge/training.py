"""What a training step tells about itself: one line of metrics, and the error if it is ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Protocol, TypeVar

from servery.edge.telemetry import emit, log_error
from servery.errors import RejectedError
from servery.usecases.training.messages import Recorded

_SERVICE = "training"


class _Event(Protocol):
    @property
    def training_id(self) -> str: ...
    @property
    def model(self) -> str: ...


Event = TypeVar("Event", bound=_Event)
Result = TypeVar("Result")


def observed(name: str) -> Callable[[Callable[[Event], Result]], Callable[[Event], Result]]:
    """Measure a step and tell its end, under the training's id as correlation id.

    Args:
        name: Of the step, a dimension of its metrics.
    """

    def decorate(run: Callable[[Event], Result]) -> Callable[[Event], Result]:
        cold = True

        @wraps(run)
        def step(event: Event) -> Result:
            nonlocal cold
            start, ending = perf_counter(), "done"
            try:
                return run(event)
            except RejectedError:
                ending = "refused"
                raise
            except Exception as error:
                ending = "failed"
                log_error(error, request_id=event.training_id, route=name)
                raise
            finally:
                metrics = {
                    "StepDuration": (round((perf_counter() - start) * 1000, 1), "Milliseconds"),
                    "StepFailures": (int(ending == "failed"), "Count"),
                    "ColdStart": (int(cold), "Count"),
                }
                cold = False
                properties = {"correlation_id": event.training_id, "ending": ending}
                emit(_SERVICE, metrics, {"step": name, "model": event.model}, properties)

        return step

    return decorate


def tell_outcome(recorded: Recorded) -> None:
    """Count how a training ended, by model and version."""
    emit(
        _SERVICE,
        {f"Trainings{recorded.outcome.value.capitalize()}": (1, "Count")},
        {"model": recorded.model, "version": recorded.version},
        {"correlation_id": recorded.training_id, "failed_step": recorded.failed_step},
    )
