"""What a step tells about itself: one line of metrics, and the error if it is ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import TypeVar

from servery.edge.telemetry import emit, log_error
from servery.errors import RejectedError

Event = TypeVar("Event")
Result = TypeVar("Result")


def observed(
    name: str, *, service: str, identity: str, dimensions: tuple[str, ...] = ()
) -> Callable[[Callable[[Event], Result]], Callable[[Event], Result]]:
    """Measure a step of a state machine and tell its end.

    Args:
        name: Of the step, a dimension of its metrics.
        service: The room, the dimension that every metric has.
        identity: The attribute of the event that is the correlation id.
        dimensions: Attributes of the event that are dimensions too.
    """

    def decorate(run: Callable[[Event], Result]) -> Callable[[Event], Result]:
        cold = True

        @wraps(run)
        def step(event: Event) -> Result:
            nonlocal cold
            start, ending = perf_counter(), "done"
            correlation: str = getattr(event, identity)
            try:
                return run(event)
            except RejectedError:
                ending = "refused"
                raise
            except Exception as error:
                ending = "failed"
                log_error(error, request_id=correlation, route=name)
                raise
            finally:
                metrics = {
                    "StepDuration": (round((perf_counter() - start) * 1000, 1), "Milliseconds"),
                    "StepFailures": (int(ending == "failed"), "Count"),
                    "ColdStart": (int(cold), "Count"),
                }
                cold = False
                sorts = {"step": name, **{d: getattr(event, d) for d in dimensions}}
                emit(service, metrics, sorts, {"correlation_id": correlation, "ending": ending})

        return step

    return decorate
