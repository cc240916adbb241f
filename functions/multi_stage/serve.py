"""Answers staged requests: a light model's answer now, and the job of a heavy one."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.http import Response
from servery.edge.multi_stage.serving import SERVICE, StagedApi
from servery.edge.telemetry import Telemetry
from servery.wiring import multi_stage as wiring

# Lambda takes registrations only until the first event, so this one is made at import.
_after_response = wiring.after_response(wiring.settle).start()


@cache
def _api() -> Api:
    staged = StagedApi(wiring.staging(), wiring.prediction_recorder())
    cors = Cors(wiring.allowed_origins())
    return Api(SERVICE, staged.calls(), cors=cors, telemetry=Telemetry(SERVICE))


if wiring.in_lambda():
    _api()  # before the first request: while it inits, a function has a whole processor


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _after_response.around(_api().serve, event, context)
