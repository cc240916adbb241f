"""Asking graphs over HTTP: from a request to the answer or the problem, and into the log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from servery.edge.api import Call, refuse
from servery.edge.graph.records import read_records
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_flag
from servery.errors import TooLargeError
from servery.usecases.graph.asking import GraphAsk, GraphAsker, GraphOutcome
from servery.usecases.graph.messages import ROUTE
from servery.usecases.graph.plans import Plan
from servery.usecases.monitoring import Outcome, Recorder

MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 16 * 1024  # what the answer of a function may have


class GraphInferApi:
    """Answers requests to predict with a graph.

    Args:
        asker: Takes rows through graphs.
        recorder: What requests to predict are logged by.
    """

    def __init__(self, asker: GraphAsker, recorder: Recorder) -> None:
        self._asker = asker
        self._recorder = recorder

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {"graph_infer": self._infer}

    def _infer(self, request: Request, parameters: dict[str, str]) -> Answer:
        started = time.perf_counter()
        attempt = _Attempt(request)
        try:
            attempt.steps = _wants_steps(request)
            attempt.plan = self._asker.find(parameters["graph"])
            records, own_id = read_records(request, attempt.plan.record.request)
            attempt.rows = len(records)
            self._asker.check_online(attempt.plan)
            asked = GraphAsk(
                records=records,
                id=own_id,
                steps=attempt.steps,
                request_id=request.request_id,
                seconds=request.seconds,
                spent=time.perf_counter() - started,
            )
            attempt.outcome = self._asker.ask(attempt.plan, asked)
            answer = self._answer(attempt, attempt.outcome)
        except Exception as error:
            attempt.error = type(error).__name__
            answer = refuse(error, request_id=request.request_id, dimensions=attempt.dimensions)
        latency_ms = (time.perf_counter() - started) * 1000
        unlogged = self._asker.unlogged(attempt.plan, steps=attempt.steps) if attempt.plan else ()
        self._recorder.record(attempt.logged(answer, latency_ms, unlogged))
        return answer

    def _answer(self, attempt: _Attempt, outcome: GraphOutcome) -> Answer:
        if outcome.error is not None:
            attempt.error = type(outcome.error).__name__
            request_id = attempt.request.request_id
            answer = refuse(outcome.error, request_id=request_id, dimensions=attempt.dimensions)
            answer.body["steps"] = msgspec.to_builtins(outcome.reports)
            return answer
        body = msgspec.json.encode(outcome.answer)
        # A string within JSON: every quote takes two bytes there.
        if len(body) + body.count(b'"') + 2 * body.count(b"\\") > MOST_ANSWER_BYTES:
            raise TooLargeError("the answer would be too large; send fewer rows")
        return Answer(body=body.decode(), dimensions=attempt.dimensions)


class _Attempt:
    """How far a request to a graph came."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.steps = False
        self.plan: Plan | None = None
        self.outcome: GraphOutcome | None = None
        self.rows = 0
        self.error = ""

    @property
    def dimensions(self) -> dict[str, str]:
        """For the metrics and the log: a graph stands where else a model does."""
        if self.plan is None:
            return {}
        record = self.plan.record
        return {"model": record.spec.name, "model_version": f"r{record.revision}"}

    def logged(self, answer: Answer, latency_ms: float, unlogged: Sequence[str]) -> Outcome:
        """What the prediction log is told; a graph stands where else a model does."""
        record = self.plan.record if self.plan else None
        answered = self.outcome.answer if self.outcome else None
        return Outcome(
            request_id=self.request.request_id,
            model=record.spec.name if record else "",
            sample=1.0,
            status=answer.status,
            latency_ms=latency_ms,
            body=self.request.body,
            base64=self.request.base64,
            answer=answer.body if isinstance(answer.body, str) else "",
            model_version=self.dimensions.get("model_version", ""),
            route=ROUTE,
            rows=self.rows if answered else 0,
            model_ms=self.outcome.model_ms if self.outcome else 0.0,
            degraded=answered.degraded if answered else False,
            error=self.error,
            unlogged=unlogged,
        )


def _wants_steps(request: Request) -> bool:
    check_query(request, {"steps"})
    return read_flag(request, "steps")
