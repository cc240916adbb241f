"""Jobs: what takes them, tells of them, carries them out and looks after them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import deployments, model_servers, registry
from servery.wiring.clients import Patience
from servery.wiring.monitoring import prediction_log, prediction_recorder
from servery.wiring.settings import SystemClock, allowed_origins, setting
from servery.wiring.submitting import (
    caller,
    documents,
    job_queue,
    job_store,
    queues,
    retention_days,
    submit_ports,
)

if TYPE_CHECKING:
    from servery.edge.jobs_worker import JobCaller, JobWorker
    from servery.ports import DeadJobs, JobEvents, JobQueue
    from servery.usecases.jobs.reading import ReadPorts
    from servery.usecases.jobs.redriving import RedrivePorts
    from servery.usecases.jobs.sweep import SweepPorts

__all__ = [
    "allowed_origins",
    "job_caller",
    "job_worker",
    "read_ports",
    "redrive_ports",
    "submit_ports",
    "sweep_ports",
]


@cache
def callback_queue() -> JobQueue:
    """The queue of callbacks."""
    from servery.adapters.sqs_jobs import SqsJobQueue

    return SqsJobQueue(queues(), setting("CALLBACK_QUEUE_URL"))


@cache
def dead_jobs() -> DeadJobs:
    """Where jobs that failed for good are laid aside."""
    from servery.adapters.sqs_jobs import SqsDeadJobs

    return SqsDeadJobs(queues(), setting("JOBS_DEAD_QUEUE_URL"))


@cache
def job_events() -> JobEvents:
    """The event bus."""
    from servery.adapters.eventbridge_job_events import EventBridgeJobEvents

    client = clients.events(Patience(connect_s=1, read_s=3, attempts=2))
    return EventBridgeJobEvents(client, setting("EXCHANGE_BUCKET"))


@cache
def read_ports() -> ReadPorts:
    """What reading jobs works with."""
    from servery.usecases.jobs.reading import ReadPorts

    return ReadPorts(
        store=job_store(),
        documents=documents(),
        deployments=deployments(),
        registry=registry(),
        clock=SystemClock(),
    )


@cache
def redrive_ports() -> RedrivePorts:
    """What driving jobs again works with."""
    from servery.usecases.jobs.redriving import RedrivePorts

    return RedrivePorts(
        store=job_store(),
        queue=job_queue(),
        dead=dead_jobs(),
        clock=SystemClock(),
        retention_days=retention_days(),
    )


@cache
def sweep_ports() -> SweepPorts:
    """What a sweep works with."""
    from servery.usecases.jobs.sweep import SweepPorts

    return SweepPorts(
        store=job_store(),
        queue=job_queue(),
        dead=dead_jobs(),
        events=job_events(),
        callbacks=callback_queue(),
        clock=SystemClock(),
    )


# Carrying jobs out and calling back


@cache
def job_worker() -> JobWorker:
    """Who carries out jobs."""
    from servery.adapters.sqs_visibility import SqsVisibility
    from servery.edge.jobs_worker import JobWorker
    from servery.edge.problem import refusal
    from servery.usecases.jobs.settling import WorkPorts

    ports = WorkPorts(
        store=job_store(),
        documents=documents(),
        deployments=deployments(),
        servers=model_servers(),
        dead=dead_jobs(),
        events=job_events(),
        callbacks=callback_queue(),
        clock=SystemClock(),
        refuse=refusal,
    )
    visibility = SqsVisibility(queues(), setting("JOBS_QUEUE_URL"))
    return JobWorker(ports, visibility.hide, prediction_recorder(), prediction_log().flush)


@cache
def job_caller() -> JobCaller:
    """Who calls back for jobs that are over."""
    from servery.adapters.sqs_visibility import SqsVisibility
    from servery.edge.jobs_worker import JobCaller
    from servery.usecases.jobs.calling_back import CallPorts

    ports = CallPorts(
        store=job_store(), documents=documents(), caller=caller(), clock=SystemClock()
    )
    visibility = SqsVisibility(queues(), setting("CALLBACK_QUEUE_URL"))
    return JobCaller(ports, visibility.hide)
