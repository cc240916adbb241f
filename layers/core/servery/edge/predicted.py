"""What becomes of a request to predict: its answer over HTTP, and its line in the log."""

from __future__ import annotations

import msgspec

from servery.domain.deployment import Served
from servery.domain.pairs import PAIR_HEADER
from servery.domain.personal import Personal, merged
from servery.edge.http import JSON, Answer, Request
from servery.edge.problem import CONTENT_TYPE, error_class
from servery.edge.telemetry import emit
from servery.errors import RefusedError
from servery.usecases.gateway import Prediction, Target
from servery.usecases.monitoring import Outcome

SERVICE = "gateway"
REFUSE = "refuse"
CALLER_ERROR = 400
TRY_AGAIN = frozenset({202, 429, 503})


class Attempt:
    """How far a request to predict came.

    Args:
        request: As it came.

    Attributes:
        target: Who it goes to, once that is known.
        prediction: What it is answered, where there is something.
        error: Class of the error that it ended with.
        fallback: What stood in for the model.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.target: Target | None = None
        self.prediction: Prediction | None = None
        self.error = ""
        self.fallback = ""

    def predicted(self, target: Target, prediction: Prediction) -> Answer:
        """The answer to a request that somebody had one for."""
        self.prediction = prediction
        self.error = _refusal(prediction)
        if prediction.fallback:
            self.fallback = prediction.fallback
            _tell(target, prediction.reason, prediction.fallback)
        return _answer(self.request, target, prediction)

    def failed(self, error: Exception) -> None:
        """It ended with an error."""
        self.error = type(error).__name__
        if isinstance(error, RefusedError) and self.target is not None:
            self.fallback = REFUSE
            _tell(self.target, error.reason, REFUSE)

    def outcome(self, answer: Answer, latency_ms: float) -> Outcome:
        """What the prediction log is told."""
        target, prediction = self.target, self.prediction
        served = prediction.served if prediction else target.served if target else None
        about = [one for one in (target and target.served, served) if one]
        return Outcome(
            request_id=self.request.request_id,
            model=target.deployment.model if target else "",
            sample=target.deployment.log_sample if target else 1.0,
            status=answer.status,
            latency_ms=latency_ms,
            body=self.request.body,
            base64=self.request.base64,
            answer=prediction.body if prediction else "",
            model_version=_version(target, prediction),
            training=served.ref.training if served else "",
            route=prediction.route if prediction else target.route if target else "",
            branch=target.branch if target else "",
            experiment=target.experiment if target else "",
            variant=target.variant if target else "",
            key=target.key if target else "",
            fallback=self.fallback,
            cache=prediction.cache if prediction else "off",
            rows=prediction.rows if prediction else 0,
            model_ms=prediction.model_ms if prediction else 0.0,
            degraded=prediction.degraded if prediction else False,
            error=self.error,
            code=served.server.code if served else "",
            unlogged=[part for one in about for part in one.unlogged],
            personal=_personal(about),
        )


def dimensions(target: Target, version: str = "") -> dict[str, str]:
    """Model and version, for the metrics."""
    return {"model": target.deployment.model, "model_version": version or target.version}


def _version(target: Target | None, prediction: Prediction | None) -> str:
    if prediction is not None:
        return prediction.model_version
    return target.version if target else ""


def _personal(about: list[Served]) -> Personal | None:
    """What is done about persons, by who was to answer and by who did; None: nobody has said."""
    told = [one.personal for one in about if one.personal is not None]
    silent = any(one.unlogged and one.personal is None for one in about)
    return None if silent else merged(told)


class _Problem(msgspec.Struct):
    type: str = ""


def _refusal(prediction: Prediction) -> str:
    """Class of the error that a model server refused with, out of its problem document."""
    if prediction.status < CALLER_ERROR:
        return ""
    try:
        return error_class(msgspec.json.decode(prediction.body, type=_Problem).type)
    except msgspec.MsgspecError:
        return "unknown"


def _answer(request: Request, target: Target, prediction: Prediction) -> Answer:
    headers = {"x-served-by": prediction.route, "x-cache": prediction.cache}
    if prediction.model_version:
        headers["x-model-version"] = prediction.model_version
    if prediction.pair:
        headers[PAIR_HEADER] = prediction.pair
    if prediction.status in TRY_AGAIN:
        headers["retry-after"] = "1"
    if prediction.job:
        headers["location"] = f"{_up(request)}jobs/{prediction.job}"
    return Answer(
        status=prediction.status,
        body=prediction.body,
        headers=headers,
        content_type=JSON if prediction.status < CALLER_ERROR else CONTENT_TYPE,
        dimensions=dimensions(target, prediction.model_version),
    )


def _up(request: Request) -> str:
    """From a request's path to that of the stage, which stands before it in the address."""
    return "../" * (request.path.strip("/").count("/"))


def _tell(target: Target, reason: str, fallback: str) -> None:
    """Count a request that was kept from its model."""
    emit(
        SERVICE,
        {"Refused": (1, "Count")},
        {"model": target.deployment.model},
        {"reason": reason, "fallback": fallback},
    )
