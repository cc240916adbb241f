"""The worker's and the callers' side of the queues: events in, the log and the metrics out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.jobs import JobState
from servery.edge.problem import error_class
from servery.edge.sqs import Hide, letting_go, serve_queue
from servery.edge.telemetry import emit, log_error
from servery.usecases.jobs.asking import ROUTE
from servery.usecases.jobs.calling_back import CalledBack, CallPorts, call_back
from servery.usecases.jobs.work import work
from servery.usecases.monitoring import Outcome, Recorder

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

    from servery.usecases.jobs.outcomes import Ended, Worked
    from servery.usecases.jobs.settling import WorkPorts

SERVICE = "jobs"
MARGIN_SECONDS = 2.0  # of the function's time, for the log and the answer
FLUSH_SECONDS = 2.0
_FAILED, _CALLER_ERROR = 500, 400


class JobWorker:
    """Carries out the jobs of queue events.

    Args:
        ports: What is worked with.
        hide: Sets when messages come back.
        recorder: What answered jobs are logged by.
        flush: Writes the log, in so many seconds at the most.
    """

    def __init__(
        self, ports: WorkPorts, hide: Hide, recorder: Recorder, flush: Callable[[float], None]
    ) -> None:
        self._ports = ports
        self._hide = hide
        self._recorder = recorder
        self._flush = flush

    def serve(self, event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
        """Carry out the jobs that an event names; those that are not settled come back."""
        seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
        owner = str(context.aws_request_id)

        def settle(receives: Mapping[str, int]) -> Mapping[str, float]:
            worked = work(receives, self._ports, owner=owner, seconds=seconds)
            self._log(worked)
            measure(worked)
            return worked.back

        answer = serve_queue(
            event, context, settle=settle, hide=self._hide, lay_aside=self._ports.dead.add
        )
        self._flush(FLUSH_SECONDS)
        return answer

    def _log(self, worked: Worked) -> None:
        for job_id, error in worked.errors:
            log_error(error, request_id=job_id, route=ROUTE)
        for ended in worked.ended:
            if ended.job.state is not JobState.EXPIRED:
                self._recorder.record(outcome_of(ended))


class JobCaller:
    """Calls back for the jobs of queue events.

    Args:
        ports: What calling back works with.
        hide: Sets when messages come back.
    """

    def __init__(self, ports: CallPorts, hide: Hide) -> None:
        self._ports = ports
        self._hide = hide

    def serve(self, event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
        """Call back for the jobs that an event names; those to be called again come back."""

        def settle(receives: Mapping[str, int]) -> Mapping[str, float]:
            called = call_back(receives, self._ports)
            _measure_calls(called)
            return called.back

        return serve_queue(
            event, context, settle=settle, hide=self._hide, lay_aside=letting_go("callback")
        )


def outcome_of(ended: Ended) -> Outcome:
    """What the prediction log is told of a job: the same as of a request to the gateway."""
    job, served, deployment = ended.job, ended.served, ended.deployment
    return Outcome(
        request_id=job.request_id or job.id,
        model=job.model,
        sample=deployment.log_sample if deployment else 1.0,
        status=job.status or _FAILED,
        latency_ms=ended.latency_ms,
        body=ended.body,
        answer=ended.answer,
        model_version=job.model_version,
        training=served.ref.training if served else "",
        route=ROUTE,
        rows=ended.rows,
        model_ms=ended.model_ms,
        degraded=ended.degraded,
        error=ended.error or _refusal(job.status, ended.answer),
        code=served.server.code if served else "",
        unlogged=served.unlogged if served else (),
        personal=served.personal if served else None,
    )


def measure(worked: Worked) -> None:
    """Write the metrics of an invocation, a line for each model."""
    done = Counter(e.job.model for e in worked.ended if e.job.state is JobState.DONE)
    failed = Counter(e.job.model for e in worked.ended if e.job.state is JobState.FAILED)
    again = Counter(job.model for job in worked.again)
    sizes: dict[str, list[int]] = {}
    for call in worked.calls:
        sizes.setdefault(call.model, []).append(call.size)
    for model in dict.fromkeys([*done, *failed, *again, *sizes]):
        metrics: dict[str, tuple[float, str]] = {
            "JobsDone": (done[model], "Count"),
            "JobsFailed": (failed[model], "Count"),
            "JobsRetried": (again[model], "Count"),
        }
        if model in sizes:
            metrics["GroupSize"] = (max(sizes[model]), "Count")
        waits = [_wait_ms(e) for e in worked.ended if e.job.model == model and e.job.tries == 1]
        if waits:
            metrics["QueueWait"] = (max(waits), "Milliseconds")
        emit(SERVICE, metrics, {"model": model})


def _wait_ms(ended: Ended) -> float:
    """Milliseconds from the acceptance of a job to its only try."""
    started = datetime.fromisoformat(ended.job.started)
    waited = started - datetime.fromisoformat(ended.job.created)
    return round(max(0.0, waited.total_seconds()) * 1000, 1)


def _measure_calls(called: CalledBack) -> None:
    for job_id, error in called.errors:
        log_error(error, request_id=job_id, route="callback")
    for model in dict.fromkeys(job.model for job in called.outcomes):
        states = Counter(job.callback.value for job in called.outcomes if job.model == model)
        metrics: dict[str, tuple[float, str]] = {
            "CallbacksDelivered": (states["delivered"], "Count"),
            "CallbacksFailed": (states["failed"], "Count"),
            "CallbacksRetried": (states["pending"], "Count"),
        }
        emit(SERVICE, metrics, {"model": model})


class _Problem(msgspec.Struct):
    type: str = ""


def _refusal(status: int, answer: str) -> str:
    """Class of the error that a model server refused with, out of its problem document."""
    if status < _CALLER_ERROR:
        return ""
    try:
        return error_class(msgspec.json.decode(answer, type=_Problem).type)
    except msgspec.MsgspecError:
        return "unknown"
