"""The web single over HTTP: what the page asks, and the same predictions as the gateway's."""

from __future__ import annotations

import time
from dataclasses import dataclass

from servery.domain.inference import AnswerContext, Question
from servery.edge.api import refuse
from servery.edge.http import Answer, Request, check_media
from servery.edge.telemetry import log_error
from servery.errors import TooLargeError
from servery.usecases.monitoring import Outcome, Recorder
from servery.usecases.web_single import ROUTE, Serving, WebSingle

MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 16 * 1024  # what the answer of a function may have

_CLIENT_ERROR = 400


@dataclass(slots=True)
class _Attempt:
    """How far a request to predict came."""

    request: Request
    serving: Serving | None = None
    question: Question | None = None
    model_ms: float = 0.0
    error: str = ""

    def dimensions(self) -> dict[str, str]:
        """Model and version for the metrics, where they are known."""
        if self.serving is None:
            return {}
        ref = self.serving.model.ref
        return {"model": ref.model, "model_version": ref.version}

    def outcome(self, answer: Answer, latency_ms: float) -> Outcome:
        """What the prediction log is told."""
        serving = self.serving
        ref = serving.model.ref if serving else None
        return Outcome(
            request_id=self.request.request_id,
            model=ref.model if ref else "",
            sample=serving.log_sample if serving else 1.0,
            status=answer.status,
            latency_ms=latency_ms,
            body=self.request.body,
            base64=self.request.base64,
            answer=answer.body if isinstance(answer.body, str) else "",
            model_version=ref.version if ref else "",
            training=ref.training if ref else "",
            route=ROUTE,
            rows=self.question.rows if self.question and answer.status < _CLIENT_ERROR else 0,
            model_ms=self.model_ms,
            degraded=serving.degraded if serving else False,
            error=self.error,
            unlogged=serving.unlogged if serving else (),
            personal=serving.personal if serving else None,
        )


class WebSingleApi:
    """Answers the routes of the web single that are not files.

    Args:
        web: The model in this process.
        recorder: What requests to predict are logged by.
    """

    def __init__(self, web: WebSingle, recorder: Recorder) -> None:
        self._web = web
        self._recorder = recorder
        self._told: Exception | None = None

    def model(self, *, api_url: str) -> Answer:
        """What the page builds its form from."""
        return Answer(body=self._web.describe(api_url=api_url))

    def predict(self, request: Request, _parameters: dict[str, str]) -> Answer:
        """Predict the rows of a body, in either form of the gateway."""
        started = time.perf_counter()
        attempt = _Attempt(request)
        try:
            answer = self._predicted(request, attempt)
        except Exception as error:
            attempt.error = type(error).__name__
            answer = refuse(
                error,
                request_id=request.request_id,
                route="web_predict",
                dimensions=attempt.dimensions(),
            )
        latency_ms = (time.perf_counter() - started) * 1000
        self._recorder.record(attempt.outcome(answer, latency_ms))
        return answer

    def _predicted(self, request: Request, attempt: _Attempt) -> Answer:
        check_media(request.headers)
        serving = attempt.serving = self._web.serving()
        self._tell(serving.failure, request)
        serving.check_online()
        model = serving.model
        question = attempt.question = model.codec.decode(request.content())
        began = time.perf_counter()
        prediction = model.predict(question)
        attempt.model_ms = (time.perf_counter() - began) * 1000
        ref = model.ref
        context = AnswerContext(
            model=ref.model,
            model_version=ref.version,
            request_id=request.request_id,
            served_by=ROUTE,
            degraded=serving.degraded,
        )
        body = _passable(model.codec.encode(question, prediction, context))
        headers = {"x-model-version": ref.version}
        return Answer(body=body, headers=headers, dimensions=attempt.dimensions())

    def _tell(self, failure: Exception | None, request: Request) -> None:
        """Log why a model could not be loaded, once for each try."""
        if failure is not None and failure is not self._told:
            log_error(failure, request_id=request.request_id, route="web_predict")
        self._told = failure


def _passable(body: bytes) -> str:
    """The body as text, if Lambda can carry it; there every quote takes two bytes."""
    if len(body) + body.count(b'"') + 2 * body.count(b"\\") > MOST_ANSWER_BYTES:
        raise TooLargeError("the answer would be too large; ask for fewer rows at once")
    return body.decode()
