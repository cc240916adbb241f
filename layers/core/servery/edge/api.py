"""An HTTP function: event in, route found, call made, answer or problem document out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from servery.edge.cors import Cors
from servery.edge.http import Answer, Request, Response, parse_request, respond
from servery.edge.problem import CONTENT_TYPE, headers_of, problem, status_of
from servery.edge.routes import Router
from servery.edge.telemetry import Telemetry, log_error
from servery.errors import RefusedError

SERVER_ERROR = 500

Call = Callable[[Request, dict[str, str]], Answer]


def refuse(
    error: Exception,
    *,
    request_id: str,
    route: str = "",
    dimensions: dict[str, str] | None = None,
) -> Answer:
    """The problem document of an error, as an answer; what is our fault is logged.

    That a policy refuses a request is nobody's fault.
    """
    status = status_of(error)
    if status >= SERVER_ERROR and not isinstance(error, RefusedError):
        log_error(error, request_id=request_id, route=route)
    return Answer(
        status=status,
        body=problem(error, request_id=request_id),
        headers=headers_of(error),
        content_type=CONTENT_TYPE,
        dimensions=dimensions or {},
    )


class Api:
    """The HTTP side of one room.

    Args:
        room: Whose routes are served.
        calls: Name of a route to what answers it: called with the request and the parameters
            of its path, percent-decoded; it raises what it refuses.
        cors: The origins that may call.
        telemetry: Is told how each request went.
    """

    def __init__(
        self, room: str, calls: Mapping[str, Call], *, cors: Cors, telemetry: Telemetry
    ) -> None:
        self._router = Router(room)
        self._calls = calls
        self._cors = cors
        self._telemetry = telemetry

    def serve(self, event: dict[str, Any], context: object = None) -> Response:
        """Answer an event of API Gateway; whatever goes wrong becomes a problem document."""
        started = time.perf_counter()
        request = parse_request(event, context)
        origin = request.headers.get("origin")
        name = "unknown"
        cors = self._cors.headers(origin)
        try:
            if request.method == "OPTIONS":
                name = "preflight"
                cors = self._cors.preflight(origin, self._router.methods(request))
                answer = Answer(status=204)
            else:
                route, parameters = self._router.find(request)
                name = route.name
                answer = self._calls[name](request, parameters)
        except Exception as error:
            answer = refuse(error, request_id=request.request_id, route=name)
        self._telemetry.request(
            request_id=request.request_id,
            route=name,
            status=answer.status,
            latency_ms=(time.perf_counter() - started) * 1000,
            dimensions=answer.dimensions,
        )
        return respond(answer, request_id=request.request_id, cors=cors)
