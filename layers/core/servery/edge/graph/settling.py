"""Jobs of graphs whose time has come: reminded of one by one, or found by the sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from servery.edge.graph.job_log import ROUTE, SERVICE, JobLog
from servery.edge.sqs import Hide, letting_go, serve_queue
from servery.edge.telemetry import emit
from servery.errors import NotFoundError
from servery.usecases.graph.fan_out.settling import settle
from servery.usecases.graph.fan_out.sweeping import GraphSweepPorts, GraphSwept, sweep

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

FLUSH_SECONDS = 2.0
AGAIN_SECONDS = 30.0
"""When a job is looked at again that could not be ended; the sweep may be earlier."""


class JobSettler:
    """Ends jobs of graphs.

    Args:
        ports: What is worked with.
        hide: Sets when reminders come back.
        log: Tells of what was done.
        flush: Writes the prediction log, in so many seconds at the most.
    """

    def __init__(
        self, ports: GraphSweepPorts, hide: Hide, log: JobLog, flush: Callable[[float], None]
    ) -> None:
        self._ports = ports
        self._hide = hide
        self._log = log
        self._flush = flush

    def remind(self, event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
        """End the jobs that queue messages name, if their time is up."""
        answer = serve_queue(
            event, context, settle=self._settle, hide=self._hide, lay_aside=letting_go(ROUTE)
        )
        self._flush(FLUSH_SECONDS)
        return answer

    def sweep(self, context: Any) -> dict[str, Any]:
        """Look at every job that is due, as long as there is time."""

        def seconds() -> float:
            return float(context.get_remaining_time_in_millis()) / 1000 - FLUSH_SECONDS

        swept = sweep(self._ports, seconds=seconds)
        for job_id, error in swept.errors:
            self._log.error(error, job_id)
        for settled in swept.ended:
            self._log.settled(settled)
        counts = _counts(swept)
        for kind, count in counts.items():
            emit(SERVICE, {"GraphJobsSwept": (count, "Count")}, {"kind": kind})
        self._flush(FLUSH_SECONDS)
        return {"counts": counts, "left": swept.left}

    def _settle(self, receives: Mapping[str, int]) -> dict[str, float]:
        pauses = {job_id: self._end(job_id) for job_id in receives}
        return {job_id: pause for job_id, pause in pauses.items() if pause is not None}

    def _end(self, job_id: str) -> float | None:
        """End one job; the seconds after which it has to be looked at again, None for never."""
        settling = self._ports.settling
        try:
            settled = settle(job_id, settling)
        except NotFoundError:
            return None
        except Exception as error:
            self._log.error(error, job_id)
            return AGAIN_SECONDS
        self._log.settled(settled)
        if settled.job.state.final:
            return None
        # Past its time and open still, it waits for a sweep to publish its parts.
        left = settled.job.settle_at - settling.clock.now().timestamp()
        return left if left > 0 else AGAIN_SECONDS


def _counts(swept: GraphSwept) -> dict[str, int]:
    found = {
        "sent": len(swept.sent),
        "ended": len(swept.ended),
        "told": len(swept.told),
        "put_off": len(swept.errors),
    }
    return {kind: count for kind, count in found.items() if count}
