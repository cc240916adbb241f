"""Tells how caches do, and takes warm-ups."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.data_cache.serving import SERVICE, CacheApi
from servery.edge.http import Response
from servery.edge.telemetry import Telemetry
from servery.wiring import data_cache as wiring


@cache
def _api() -> Api:
    caches = CacheApi(wiring.warm_desk())
    return Api(
        SERVICE,
        caches.calls(),
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry(SERVICE),
    )


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
