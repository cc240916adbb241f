"""The predict surface over HTTP: from a request to the gateway, and its outcome into the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from servery import __version__
from servery.domain.pairs import PAIR_HEADER
from servery.edge.api import Call, refuse
from servery.edge.http import JSON, Answer, Request, check_media
from servery.edge.problem import CONTENT_TYPE
from servery.usecases.gateway import Ask, Gateway, Prediction, Target
from servery.usecases.monitoring import Outcome, Recorder

CALLER_ERROR = 400
TRY_AGAIN = frozenset({429, 503})


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
            return refuse(error, request_id=request.request_id, dimensions=_dimensions(target))
        headers = {"x-model-version": target.version}
        return Answer(body=body, headers=headers, dimensions=_dimensions(target))

    def _infer(self, request: Request, parameters: dict[str, str]) -> Answer:
        started = time.perf_counter()
        attempt = _Attempt(request)
        try:
            check_media(request.headers)
            pair = request.headers.get(PAIR_HEADER, "")
            attempt.target = self._gateway.locate(
                parameters["model"], parameters.get("version"), pair
            )
            ask = Ask(
                body=request.body,
                base64=request.base64,
                size=request.size,
                request_id=request.request_id,
                seconds=request.seconds,
                pair=pair,
            )
            attempt.prediction = self._gateway.infer(attempt.target, ask)
            answer = _predicted(attempt.target, attempt.prediction)
            attempt.error = _refusal(attempt.prediction)
        except Exception as error:
            attempt.error = type(error).__name__
            known = _dimensions(attempt.target) if attempt.target else {}
            answer = refuse(error, request_id=request.request_id, dimensions=known)
        latency_ms = (time.perf_counter() - started) * 1000
        self._recorder.record(attempt.outcome(answer, latency_ms))
        return answer


class _Attempt:
    """How far a request to predict came."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.target: Target | None = None
        self.prediction: Prediction | None = None
        self.error = ""

    def outcome(self, answer: Answer, latency_ms: float) -> Outcome:
        """What the prediction log is told."""
        target, prediction = self.target, self.prediction
        ref = target.served.ref if target else None
        return Outcome(
            request_id=self.request.request_id,
            model=ref.model if ref else "",
            sample=target.deployment.log_sample if target else 1.0,
            status=answer.status,
            latency_ms=latency_ms,
            body=self.request.body,
            base64=self.request.base64,
            answer=prediction.body if prediction else "",
            model_version=answer.dimensions.get("model_version", ""),
            training=ref.training if ref else "",
            route=target.route if target else "",
            rows=prediction.rows if prediction else 0,
            model_ms=prediction.model_ms if prediction else 0.0,
            degraded=prediction.degraded if prediction else False,
            error=self.error,
            code=target.served.server.code if target else "",
            unlogged=target.served.unlogged if target else (),
        )


class _Problem(msgspec.Struct):
    type: str = ""


def _refusal(prediction: Prediction) -> str:
    """Class of the error that a model server refused with, out of its problem document."""
    if prediction.status < CALLER_ERROR:
        return ""
    try:
        kind = msgspec.json.decode(prediction.body, type=_Problem).type.rpartition(":")[2]
    except msgspec.MsgspecError:
        return "unknown"
    return "".join(word.capitalize() for word in kind.split("-")) + "Error"


def _server(_request: Request, _parameters: dict[str, str]) -> Answer:
    return Answer(body={"name": "servery", "version": __version__, "extensions": []})


def _predicted(target: Target, prediction: Prediction) -> Answer:
    headers = {"x-model-version": prediction.model_version}
    if prediction.pair:
        headers[PAIR_HEADER] = prediction.pair
    if prediction.status in TRY_AGAIN:
        headers["retry-after"] = "1"
    return Answer(
        status=prediction.status,
        body=prediction.body,
        headers=headers,
        content_type=JSON if prediction.status < CALLER_ERROR else CONTENT_TYPE,
        dimensions=_dimensions(target, prediction.model_version),
    )


def _dimensions(target: Target, version: str = "") -> dict[str, str]:
    return {"model": target.deployment.model, "model_version": version or target.version}
