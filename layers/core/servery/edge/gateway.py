"""The predict surface over HTTP: from a request to the gateway, and its outcome into the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from servery import __version__
from servery.domain.pairs import PAIR_HEADER
from servery.edge.api import Call, refuse
from servery.edge.http import Answer, Request, check_media
from servery.edge.predicted import Attempt, dimensions
from servery.usecases.gateway import Ask, Gateway
from servery.usecases.monitoring import Recorder


class GatewayApi:
    """Answers the routes of the gateway.

    Args:
        gateway: Who is asked.
        recorder: What requests to predict are logged by.
    """

    def __init__(self, gateway: Gateway, recorder: Recorder) -> None:
        self._gateway = gateway
        self._recorder = recorder

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "live": lambda _request, _parameters: Answer(body={"live": True}),
            "ready": self._ready,
            "server": _server,
            "model_metadata": self._metadata,
            "version_metadata": self._metadata,
            "model_ready": self._model_ready,
            "version_ready": self._model_ready,
            "model_infer": self._infer,
            "version_infer": self._infer,
        }

    def _ready(self, _request: Request, _parameters: dict[str, str]) -> Answer:
        self._gateway.check()
        return Answer(body={"ready": True})

    def _metadata(self, request: Request, parameters: dict[str, str]) -> Answer:
        return self._about(request, parameters, self._gateway.metadata)

    def _model_ready(self, request: Request, parameters: dict[str, str]) -> Answer:
        return self._about(request, parameters, self._gateway.ready)

    def _about(
        self, request: Request, parameters: dict[str, str], ask: Callable[..., Any]
    ) -> Answer:
        target = self._gateway.locate(parameters["model"], parameters.get("version"))
        try:
            body = ask(target, request_id=request.request_id, seconds=request.seconds)
        except Exception as error:
            return refuse(error, request_id=request.request_id, dimensions=dimensions(target))
        headers = {"x-model-version": target.version}
        return Answer(body=body, headers=headers, dimensions=dimensions(target))

    def _infer(self, request: Request, parameters: dict[str, str]) -> Answer:
        started = time.perf_counter()
        attempt = Attempt(request)
        try:
            check_media(request.headers)
            ask = Ask(
                body=request.body,
                base64=request.base64,
                size=request.size,
                request_id=request.request_id,
                seconds=request.seconds,
                pair=request.headers.get(PAIR_HEADER, ""),
                headers=request.headers,
            )
            target = self._gateway.route(parameters["model"], parameters.get("version"), ask)
            attempt.target = target
            answer = attempt.predicted(target, self._gateway.infer(target, ask))
        except Exception as error:
            attempt.failed(error)
            known = dimensions(attempt.target) if attempt.target else {}
            answer = refuse(error, request_id=request.request_id, dimensions=known)
        latency_ms = (time.perf_counter() - started) * 1000
        self._recorder.record(attempt.outcome(answer, latency_ms))
        return answer


def _server(_request: Request, _parameters: dict[str, str]) -> Answer:
    return Answer(body={"name": "servery", "version": __version__, "extensions": []})
