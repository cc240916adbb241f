"""What each route says about itself: summary, parameters, bodies, answers, examples."""

from __future__ import annotations

from servery.edge.operations import (
    batch,
    data_cache,
    gateway,
    graph,
    jobs,
    monitoring,
    multi_stage,
    registry,
    search,
    web_single,
)
from servery.edge.operations.describing import Operation

__all__ = ["OPERATIONS", "Operation"]

_ROOMS = (
    gateway,
    registry,
    search,
    data_cache,
    graph,
    jobs,
    batch,
    monitoring,
    multi_stage,
    web_single,
)
OPERATIONS: dict[str, Operation] = {
    name: operation for room in _ROOMS for name, operation in room.OPERATIONS.items()
}
