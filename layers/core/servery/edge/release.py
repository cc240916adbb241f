"""The event of a release, and what is logged and counted of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from servery.domain.records import ReleaseRecord, ReleaseState
from servery.edge.telemetry import emit, log_error, logger
from servery.errors import RetryableError

SERVICE = "release"


class ReleaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Which release is to be carried out."""

    model: str
    release: str


def carry_out(event: ReleaseEvent, run: Callable[[str, str], ReleaseRecord]) -> ReleaseRecord:
    """Run a release, and tell how it went: one line of metrics, one log entry."""
    started = time.perf_counter()
    dimensions = {"model": event.model}
    try:
        record = run(event.model, event.release)
    except Exception as error:
        name = "Interrupted" if isinstance(error, RetryableError) else "Failed"
        emit(SERVICE, {name: (1, "Count")}, dimensions, {"correlation_id": event.release})
        log_error(error, request_id=event.release, route=SERVICE)
        raise
    metrics = {
        "Succeeded": (int(record.state is ReleaseState.SUCCEEDED), "Count"),
        "Failed": (int(record.state is ReleaseState.FAILED), "Count"),
        "Duration": (round((time.perf_counter() - started) * 1000, 1), "Milliseconds"),
    }
    emit(SERVICE, metrics, dimensions, {"correlation_id": event.release})
    logger().info(
        f"{record.kind} {record.state}",
        correlation_id=record.id,
        model=record.model,
        version=record.released_as,
        reason=record.reason,
        steps=[step.name for step in record.steps],
    )
    return record
