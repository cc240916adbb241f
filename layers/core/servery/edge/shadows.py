"""The queue of copies for shadows: events in, lines of the lake and metrics out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from servery.edge.sqs import Hide, letting_go, serve_queue
from servery.edge.telemetry import emit, log_error
from servery.usecases.monitoring.comparing import Compared, ComparePorts, compare, is_message

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

SERVICE = "monitoring"
ROUTE = "shadow"


class ShadowComparer:
    """Compares the copies of queue events.

    Args:
        ports: What is worked with.
        hide: Sets when messages come back.
    """

    def __init__(self, ports: ComparePorts, hide: Hide) -> None:
        self._ports = ports
        self._hide = hide

    def serve(self, event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
        """Compare the copies of an event; those that are not done with come back."""

        def settle(receives: Mapping[str, int]) -> Mapping[str, float]:
            done = compare(
                receives,
                self._ports,
                seconds=lambda: context.get_remaining_time_in_millis() / 1000,
            )
            for request_id, error in done.errors:
                log_error(error, request_id=request_id, route=ROUTE)
            measure(done)
            return done.back

        return serve_queue(
            event,
            context,
            settle=settle,
            hide=self._hide,
            lay_aside=letting_go(ROUTE),
            ours=is_message,
        )


def measure(done: Compared) -> None:
    """Write the metrics of an invocation, a line for each model."""
    dropped = Counter(done.dropped)
    for model in dict.fromkeys([*(line.model for line in done.lines), *dropped]):
        lines = [line for line in done.lines if line.model == model]
        metrics: dict[str, tuple[float, str]] = {
            "ShadowCompared": (sum(not line.error for line in lines), "Count"),
            "ShadowFailed": (sum(bool(line.error) for line in lines), "Count"),
            "ShadowDropped": (dropped[model], "Count"),
            "ShadowRows": (sum(line.rows for line in lines), "Count"),
            "ShadowDisagreed": (sum(line.rows - line.agreed for line in lines), "Count"),
        }
        emit(SERVICE, metrics, {"model": model})
