"""Staged requests over HTTP: the first answer with the job of the second, and a line in the log."""

from __future__ import annotations

import time
from collections.abc import Mapping

from servery.edge.api import SERVER_ERROR, Call, refuse
from servery.edge.http import Answer, Request
from servery.edge.multi_stage.answers import (
    ROUTE,
    answer_of,
    dimensions,
    light_problem,
    version_of,
)
from servery.edge.multi_stage.body import read_records
from servery.edge.problem import status_of
from servery.edge.strict import check_query
from servery.edge.submission import callback_of
from servery.edge.telemetry import emit, log_error
from servery.errors import ConflictError, InvalidInputError, TooLargeError
from servery.usecases.jobs.checks import CALLBACK, KEY_HEADER
from servery.usecases.monitoring import Outcome, Recorder
from servery.usecases.multi_stage.staging import Staged, StagedAsk, Staging

SERVICE = "multi_stage"

_OF_THE_CALLER = (ConflictError, InvalidInputError, TooLargeError)


class StagedApi:
    """Answers requests to models with two stages.

    Args:
        staging: Takes rows through both.
        recorder: What requests to predict are logged by.
    """

    def __init__(self, staging: Staging, recorder: Recorder) -> None:
        self._staging = staging
        self._recorder = recorder

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"staged": self._serve}

    def _serve(self, request: Request, parameters: dict[str, str]) -> Answer:
        started = time.perf_counter()
        staged: Staged | None = None
        error = ""
        try:
            check_query(request, {CALLBACK})
            staged = self._staging.locate(parameters["model"])
            asked = _read(request)
            self._staging.ask(staged, asked)
            _tell(staged, request.request_id)
            error = _light_error(staged, request.request_id)
            answer = answer_of(staged, asked)
        except Exception as raised:
            error = error or type(raised).__name__
            known = dimensions(staged) if staged else {}
            answer = refuse(raised, request_id=request.request_id, dimensions=known)
        latency_ms = (time.perf_counter() - started) * 1000
        self._recorder.record(_outcome(staged, request.request_id, answer, latency_ms, error))
        return answer


def _read(request: Request) -> StagedAsk:
    records, own_id = read_records(request)
    return StagedAsk(
        records=records,
        id=own_id,
        key=request.headers.get(KEY_HEADER.lower()),
        callback_url=callback_of(request),
        request_id=request.request_id,
        seconds=request.seconds,
    )


def _tell(staged: Staged, request_id: str) -> None:
    """Count how each stage went, and log what is ours and the answer only hints at."""
    if staged.refused:
        return
    accepted, error = staged.accepted, staged.heavy_error
    refused = error is not None and not isinstance(error, _OF_THE_CALLER)
    emit(
        SERVICE,
        {
            "FirstStageFailed": (int(staged.predictions is None), "Count"),
            "SecondStageRefused": (int(refused), "Count"),
        },
        {"model": staged.light.model},
        {"correlation_id": request_id, "job": accepted.job if accepted else ""},
    )
    for trouble in (staged.light_error, error, accepted.unsent if accepted else None):
        if trouble is not None and status_of(trouble) >= SERVER_ERROR:
            log_error(trouble, request_id=request_id, route=ROUTE)


def _light_error(staged: Staged, request_id: str) -> str:
    """Class of the error that kept the light model from answering; empty where it answered."""
    if staged.predictions is not None:
        return ""
    if staged.light_error is not None:
        return type(staged.light_error).__name__
    kind = str(light_problem(staged, request_id).get("type", "")).rpartition(":")[2]
    return "".join(word.capitalize() for word in kind.split("-")) + "Error" if kind else "unknown"


def _outcome(
    staged: Staged | None, request_id: str, answer: Answer, latency_ms: float, error: str
) -> Outcome:
    """What the prediction log is told: what the light model was asked, and how it answered."""
    light = staged.light if staged else None
    trouble = staged.light_error if staged else None
    answered = staged.answered if staged and trouble is None else None
    status = answered.status if answered else status_of(trouble) if trouble else answer.status
    return Outcome(
        request_id=request_id,
        model=light.model if light else "",
        sample=light.log_sample if light else 1.0,
        status=status,
        latency_ms=latency_ms,
        body=staged.body if staged else "",
        answer=answered.body if answered else "",
        model_version=version_of(staged) if staged else "",
        training=light.champion.ref.training if light else "",
        route=ROUTE,
        rows=answered.rows if answered else 0,
        model_ms=answered.model_ms if answered else 0.0,
        degraded=answered.degraded if answered else False,
        error=error,
        code=light.champion.server.code if light else "",
        unlogged=light.champion.unlogged if light else (),
        personal=light.champion.personal if light else None,
    )
