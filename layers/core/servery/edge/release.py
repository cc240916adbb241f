"""The events of releases, and what is logged and counted of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from servery.domain.release_records import ReleaseRecord, ReleaseState
from servery.edge.observed import observed as _observed
from servery.edge.telemetry import emit, log_error, logger
from servery.errors import RetryableError
from servery.usecases.release.messages import Progress, StateEvent, Then

SERVICE = "release"

observed = partial(_observed, service=SERVICE, identity="release", dimensions=("model",))


def tell_ending(progress: Progress) -> Progress:
    """Count how a release ended, where it did."""
    if progress.then in {Then.ENDED, Then.FAULT}:
        fault = progress.then is Then.FAULT
        emit(
            SERVICE,
            {"ReleasesEnded": (1, "Count"), "ReleasesFailed": (int(fault), "Count")},
            {"model": progress.model},
            {"correlation_id": progress.release, "said": progress.said},
        )
    return progress


def carry_out(event: StateEvent, run: Callable[[str, str], ReleaseRecord]) -> ReleaseRecord:
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
