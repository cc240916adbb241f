"""Answers predictions: the Open Inference Protocol v2 and the records form."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.http import Response
from servery.edge.marshalling import marshal_by_msgspec
from servery.edge.telemetry import Telemetry
from servery.wiring import gateway as wiring

marshal_by_msgspec()

# Lambda takes registrations only until the first event, so this one is made at import.
_after_response = wiring.after_response(wiring.settle).start()


@cache
def _api() -> Api:
    routes = GatewayApi(wiring.gateway(), wiring.prediction_recorder())
    return Api(
        "gateway",
        routes.calls(),
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry("gateway"),
    )


if wiring.in_lambda():
    _api()  # before the first request: while it inits, a function has a whole processor


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _after_response.around(_api().serve, event, context)
