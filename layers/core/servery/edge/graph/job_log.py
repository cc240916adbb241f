"""What is told of jobs of graphs: metrics, errors that are ours, lines of the prediction log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.graph_jobs import GraphJob, GraphJobState, PartResult, PartState, is_late
from servery.edge.problem import error_class
from servery.edge.telemetry import emit, log_error
from servery.usecases.graph.fan_out.documents import body_of
from servery.usecases.graph.personal import unlogged
from servery.usecases.graph.plans import plan
from servery.usecases.monitoring import Outcome, Recorder

if TYPE_CHECKING:
    from servery.ports import Deployments, Documents
    from servery.usecases.graph.fan_out.settling import Settled

SERVICE = "graph"
ROUTE = "graph_job"
_OK, _FAILED = 200, 500


class _Told(msgspec.Struct):
    """Of an answer or a problem document, what the log has in columns of its own."""

    status: int = _OK
    type: str = ""
    degraded: bool = False
    predictions: list[msgspec.Raw] = []


class JobLog:
    """Tells of parts that are in and of jobs that have ended.

    Args:
        deployments: Who answers for which model; they know what is about persons.
        documents: Where large bodies are kept.
        recorder: What requests to predict are logged by.
    """

    def __init__(self, deployments: Deployments, documents: Documents, recorder: Recorder) -> None:
        self._deployments = deployments
        self._documents = documents
        self._recorder = recorder

    def part(self, job: GraphJob, result: PartResult) -> None:
        """Count a part whose result was written here."""
        metrics: dict[str, tuple[float, str]] = {
            "GraphPartsDone": (int(result.state is PartState.DONE), "Count"),
            "GraphPartsFailed": (int(result.state is PartState.FAILED), "Count"),
            "GraphPartsLate": (int(is_late(job, result.part)), "Count"),
            "GraphPartLatency": (result.ms, "Milliseconds"),
        }
        emit(SERVICE, metrics, {"model": job.graph}, {"job": job.id, "part": result.part})

    def settled(self, settled: Settled) -> None:
        """Count a job that was ended here, and write its line; it is told of only once."""
        job = settled.job
        if settled.untold is not None:
            self.error(settled.untold, job.id)
        if not settled.won:
            return
        metrics: dict[str, tuple[float, str]] = {
            "GraphJobsDone": (int(job.state is GraphJobState.DONE), "Count"),
            "GraphJobsFailed": (int(job.state is GraphJobState.FAILED), "Count"),
            "GraphJobsPartial": (int(job.partial), "Count"),
            "GraphJobLatency": (_took_ms(job), "Milliseconds"),
        }
        emit(SERVICE, metrics, {"model": job.graph}, {"job": job.id})
        try:
            self._recorder.record(self._outcome(settled))
        except Exception as error:  # the job has ended; only its line is lost
            self.error(error, job.id)

    def error(self, error: BaseException, job_id: str) -> None:
        """Log what went wrong on our side."""
        log_error(error, request_id=job_id, route=ROUTE)

    def _outcome(self, settled: Settled) -> Outcome:
        job = settled.job
        told = msgspec.json.decode(settled.answer, type=_Told)
        done = job.state is GraphJobState.DONE
        return Outcome(
            request_id=job.request_id or job.id,
            model=job.graph,
            sample=1.0,
            status=_OK if done else told.status,
            latency_ms=_took_ms(job),
            body=body_of(job, self._documents).decode(),
            answer=settled.answer,
            model_version=f"r{job.graph_revision}",
            route=ROUTE,
            rows=len(told.predictions),
            degraded=told.degraded,
            error="" if done else error_class(told.type),
            unlogged=unlogged(plan(job.record), self._deployments.get),
        )


def _took_ms(job: GraphJob) -> float:
    """Milliseconds from the acceptance of a job to its end."""
    took = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.created)
    return round(took.total_seconds() * 1000, 1)
