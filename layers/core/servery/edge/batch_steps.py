"""What the steps of batches tell about themselves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from servery.domain.batches import BatchState
from servery.edge.observed import observed as _observed
from servery.edge.telemetry import emit, logger

if TYPE_CHECKING:
    from servery.usecases.batch.start import Started

SERVICE = "batch"

observed = partial(_observed, service=SERVICE, identity="batch")


def tell_start(started: Started, key: str) -> None:
    """Count and log what a file that was dropped became."""
    name = "Batches" if started.batch else "FilesIgnored"
    emit(
        SERVICE,
        {name: (1, "Count")},
        {"model": started.model},
        {"correlation_id": started.batch, "state": started.state},
    )
    if not started.batch:
        logger().warning("a file is no request of a batch", key=key, reason=started.reason)


def tell_end(batch: str, state: str, reason: str) -> None:
    """Count and log how a run of a batch ended."""
    emit(
        SERVICE,
        {
            "BatchesSucceeded": (int(state == BatchState.SUCCEEDED), "Count"),
            "BatchesFailed": (int(state == BatchState.FAILED), "Count"),
        },
        properties={"correlation_id": batch, "state": state},
    )
    logger().info(f"batch {state}", correlation_id=batch, reason=reason)
