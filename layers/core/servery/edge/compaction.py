"""Tidying the lake: what a schedule or its owner asks for, and the metrics of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from servery.edge.telemetry import emit
from servery.errors import UnavailableError
from servery.ports import Clock, LakeFiles
from servery.usecases.monitoring.compacting import Compacted, compact

SERVICE = "monitoring"


class CompactRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which days are gone through.

    Attributes:
        days: How many, those that are over.
        today: Whether the day that is not over is gone through too.
    """

    days: Annotated[int, Meta(ge=1, le=4000)] = 7
    today: bool = False


def serve_compaction(
    event: dict[str, Any], context: Any, files: LakeFiles, clock: Clock
) -> dict[str, Any]:
    """Go through the lake as an event says, and tell what came of it.

    Raises:
        UnavailableError: some days could not be done; the others were.
    """
    asked = msgspec.convert(event, CompactRequest)
    done: Compacted = compact(
        files,
        clock,
        days=asked.days,
        today=asked.today,
        seconds=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    emit(
        SERVICE,
        {
            "LakeObjectsJoined": (done.joined, "Count"),
            "LakeObjectsMade": (done.made, "Count"),
            "CompactionUnfinished": (int(done.unfinished or bool(done.failed)), "Count"),
        },
    )
    if done.failed:
        raise UnavailableError(f"days of the lake could not be tidied: {', '.join(done.failed)}")
    return dict(msgspec.to_builtins(done))
