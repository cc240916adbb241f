"""Answers predictions of several models at once, takes them as jobs; registers graphs."""

from __future__ import annotations

from functools import cache
from typing import Any

from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.graph.asking import GraphInferApi
from servery.edge.graph.entities import EntitiesApi
from servery.edge.graph.jobs import GraphJobsApi
from servery.edge.graph.registering import GraphsApi
from servery.edge.http import Response
from servery.edge.marshalling import marshal_by_msgspec
from servery.edge.telemetry import Telemetry
from servery.wiring import graph as wiring

marshal_by_msgspec()

# Lambda takes registrations only until the first event, so this one is made at import.
_after_response = wiring.after_response(wiring.keep_rows).start()


@cache
def _api() -> Api:
    rooms = (
        GraphsApi(wiring.graphs(), wiring.registrar()),
        GraphInferApi(wiring.graph_asker(), wiring.prediction_recorder()),
        EntitiesApi(wiring.entities()),
        GraphJobsApi(wiring.kept_graphs(), wiring.submit_ports(), wiring.read_ports()),
    )
    return Api(
        "graph",
        {name: call for room in rooms for name, call in room.calls().items()},
        cors=Cors(wiring.allowed_origins()),
        telemetry=Telemetry("graph"),
    )


if wiring.in_lambda():
    _api()  # before the first request: while it inits, a function has a whole processor


def handler(event: dict[str, Any], context: object) -> Response:
    """Answer one event of API Gateway."""
    return _after_response.around(_api().serve, event, context)
