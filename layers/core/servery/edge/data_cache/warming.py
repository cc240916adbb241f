"""The event that warms a cache, and what is logged and counted of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from servery.domain.warm_ups import WarmUp, WarmUpState
from servery.edge.data_cache.serving import SERVICE
from servery.edge.telemetry import emit, log_error, logger

MARGIN_SECONDS = 60.0  # of the function's own time, for the last look and a call under way
_LONGEST = 840.0


class WarmEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Which warm-up is to be carried out."""

    model: str
    warm_up: str


def seconds_left(context: Any) -> float:
    """How long a warm-up may take in this invocation."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return min(_LONGEST, left() / 1000 - MARGIN_SECONDS) if left else _LONGEST


def carry_out(event: WarmEvent, run: Callable[[str, str], WarmUp]) -> WarmUp:
    """Warm, and tell how it went: one line of metrics, one log entry."""
    started = time.perf_counter()
    dimensions = {"model": event.model}
    try:
        warm_up = run(event.model, event.warm_up)
    except Exception as error:
        emit(SERVICE, {"WarmUpFailed": (1, "Count")}, dimensions, {"correlation_id": event.warm_up})
        log_error(error, request_id=event.warm_up, route="warm")
        raise
    metrics = {
        "WarmUpFailed": (int(warm_up.state is WarmUpState.FAILED), "Count"),
        "WarmUpCoverage": (round(warm_up.coverage.asked * 100, 2), "Percent"),
        "WarmUpPredicted": (warm_up.predicted, "Count"),
        "Duration": (round((time.perf_counter() - started) * 1000, 1), "Milliseconds"),
    }
    emit(SERVICE, metrics, dimensions, {"correlation_id": event.warm_up})
    logger().info(
        f"warm-up {warm_up.state}",
        correlation_id=warm_up.id,
        model=warm_up.model,
        version=warm_up.version,
        reason=warm_up.reason,
    )
    return warm_up
