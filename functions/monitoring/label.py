"""Takes labels and client events, what was true and what came of it; tells of the watch."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.labels import SERVICE, LabelsApi
from servery.edge.telemetry import Telemetry
from servery.edge.watch_api import WatchApi
from servery.wiring import monitoring as wiring


@cache
def _api() -> Api:
    labels = LabelsApi(wiring.label_log(), wiring.event_log(), wiring.clock())
    calls = {**labels.calls(), **WatchApi(wiring.watch_desk).calls()}
    cors = Cors(wiring.allowed_origins())
    return Api(SERVICE, calls, cors=cors, telemetry=Telemetry(SERVICE))


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
