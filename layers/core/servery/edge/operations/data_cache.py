"""Caches of answers, and how they are filled."""

from __future__ import annotations

from servery.domain.warm_ups import WarmRequest, WarmUp
from servery.edge.operations.describing import READING, Operation
from servery.usecases.data_cache.warm_desk import CacheView

OPERATIONS: dict[str, Operation] = {
    "get_cache": Operation(
        "How the cache of a model does: its policy, the last warm-up, hits by the prediction log",
        (CacheView,),
        errors=READING,
    ),
    "warm_cache": Operation(
        "Fill the cache with what was asked before, by the prediction log or the file of a batch",
        (WarmUp,),
        (WarmRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        sends=("location", "retry-after"),
        examples={
            "log": {"from": "lake", "days": 7},
            "batch": {"from": "batch", "batch": "4f1c0a6be2d94c58a1f07d3b"},
        },
        body_required=False,
    ),
    "get_warm_up": Operation(
        "How far a warm-up is, and how much of what was asked the cache answers",
        (WarmUp,),
        errors=READING,
        sends=("retry-after",),
    ),
}
