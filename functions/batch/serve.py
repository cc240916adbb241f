"""Tells how batches are, and runs them again."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.batch import BatchApi
from servery.edge.batch_steps import SERVICE
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.telemetry import Telemetry
from servery.wiring import batch as wiring


@cache
def _api() -> Api:
    batches = BatchApi(
        wiring.batches(),
        registry=wiring.registry(),
        queue=wiring.batch_queue(),
        bucket=wiring.exchange_bucket(),
    )
    return Api(
        SERVICE,
        batches.calls(),
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry(SERVICE),
    )


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
