"""What a step of a batch tells about itself: one line of metrics, and the error if it is ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Protocol, TypeVar

from servery.edge.telemetry import emit, log_error
from servery.errors import RejectedError

_SERVICE = "batch"


class _Event(Protocol):
    @property
    def batch(self) -> str: ...


Event = TypeVar("Event", bound=_Event)
Result = TypeVar("Result")


def observed(name: str) -> Callable[[Callable[[Event], Result]], Callable[[Event], Result]]:
    """Measure a step and tell its end, under the batch's id as correlation id.

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
                log_error(error, request_id=event.batch, route=name)
                raise
            finally:
                metrics = {
                    "StepDuration": (round((perf_counter() - start) * 1000, 1), "Milliseconds"),
                    "StepFailures": (int(ending == "failed"), "Count"),
                    "ColdStart": (int(cold), "Count"),
                }
                cold = False
                properties = {"correlation_id": event.batch, "ending": ending}
                emit(_SERVICE, metrics, {"step": name}, properties)

        return step

    return decorate
