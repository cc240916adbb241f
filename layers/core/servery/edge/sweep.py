"""What a sweep tells: metrics by what it did, the errors that kept it from more, and a summary."""

from __future__ import annotations

from typing import Any

from servery.edge.telemetry import emit, log_error
from servery.usecases.jobs.sweep import Swept

_SERVICE = "jobs"


def report(swept: Swept, *, request_id: str) -> dict[str, Any]:
    """Write the metrics and errors of a sweep; the summary is what its function returns."""
    for kind, count in swept.counts.items():
        emit(_SERVICE, {"JobsSwept": (count, "Count")}, {"kind": kind})
    emit(_SERVICE, {"OldestQueuedAge": (round(swept.oldest_seconds, 3), "Seconds")})
    for error in swept.errors.values():
        log_error(error, request_id=request_id, route="sweep")
    return {
        "counts": {str(kind): count for kind, count in swept.counts.items()},
        "oldest_seconds": swept.oldest_seconds,
        "left": swept.left,
    }
