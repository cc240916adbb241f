"""Starts and stops searches, and tells of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.search import SearchApi
from servery.edge.search_steps import SERVICE
from servery.edge.telemetry import Telemetry
from servery.wiring import search as wiring


@cache
def _api() -> Api:
    searches = SearchApi(
        wiring.searches(),
        objects=wiring.object_store(),
        registry=wiring.registry(),
        queue=wiring.search_queue(),
        clock=wiring.SystemClock(),
    )
    return Api(
        SERVICE,
        searches.calls(),
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry(SERVICE),
    )


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
