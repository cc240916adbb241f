"""Takes jobs, and tells how they are."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.jobs import SERVICE, JobsApi
from servery.edge.telemetry import Telemetry
from servery.wiring import jobs as wiring


@cache
def _api() -> Api:
    jobs = JobsApi(wiring.submit_ports(), wiring.read_ports(), wiring.redrive_ports())
    cors = Cors(wiring.allowed_origins())
    return Api(SERVICE, jobs.calls(), cors=cors, telemetry=Telemetry(SERVICE))


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _api().serve(event, context)
