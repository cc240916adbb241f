"""Jobs: what takes them, tells of them, carries them out and looks after them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import model_servers, patience, quick_registry, registry
from servery.wiring.monitoring import prediction_log, prediction_recorder
from servery.wiring.settings import SystemClock, allowed_origins, optional_setting, setting

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from servery.adapters.ssm_secret import SsmSecret
    from servery.edge.jobs_worker import JobCaller, JobWorker
    from servery.ports import (
        Caller,
        DeadJobs,
        Deployments,
        Documents,
        JobEvents,
        JobQueue,
        JobStore,
    )
    from servery.usecases.jobs.reading import ReadPorts
    from servery.usecases.jobs.redriving import RedrivePorts
    from servery.usecases.jobs.submit import SubmitPorts
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

_ID_BYTES = 7  # of what is random in an id; the rest of it is the time


@cache
def job_store() -> JobStore:
    """The table of jobs."""
    import boto3  # noqa: PLC0415

    from servery.adapters.dynamodb_job_lists import AT_ONCE  # noqa: PLC0415
    from servery.adapters.dynamodb_jobs import DynamoDbJobs  # noqa: PLC0415

    config = patience(connect_s=1, read_s=3, attempts=3, connections=AT_ONCE)
    return DynamoDbJobs(boto3.client("dynamodb", config=config), setting("JOBS_TABLE"))


@cache
def documents() -> Documents:
    """The exchange bucket, for what is too large for the table."""
    import boto3  # noqa: PLC0415

    from servery.adapters.s3_object_store import S3ObjectStore  # noqa: PLC0415

    config = patience(connect_s=1, read_s=5, attempts=3)
    return S3ObjectStore(boto3.client("s3", config=config), setting("EXCHANGE_BUCKET"))


@cache
def deployments() -> Deployments:
    """Who answers for which model."""
    from servery.adapters.kept_deployments import KeptDeployments  # noqa: PLC0415

    return KeptDeployments(quick_registry(), SystemClock())


@cache
def _queues() -> SQSClient:
    """A queue that does not answer is given up soon: the record is there, a sweep sends it."""
    import boto3  # noqa: PLC0415

    return boto3.client("sqs", config=patience(connect_s=1, read_s=3, attempts=2))


@cache
def job_queue() -> JobQueue:
    """The worker's queue."""
    from servery.adapters.sqs_jobs import SqsJobQueue  # noqa: PLC0415

    return SqsJobQueue(_queues(), setting("JOBS_QUEUE_URL"))


@cache
def callback_queue() -> JobQueue:
    """The queue of callbacks."""
    from servery.adapters.sqs_jobs import SqsJobQueue  # noqa: PLC0415

    return SqsJobQueue(_queues(), setting("CALLBACK_QUEUE_URL"))


@cache
def dead_jobs() -> DeadJobs:
    """Where jobs that failed for good are laid aside."""
    from servery.adapters.sqs_jobs import SqsDeadJobs  # noqa: PLC0415

    return SqsDeadJobs(_queues(), setting("JOBS_DEAD_QUEUE_URL"))


@cache
def job_events() -> JobEvents:
    """The event bus."""
    import boto3  # noqa: PLC0415

    from servery.adapters.eventbridge_job_events import EventBridgeJobEvents  # noqa: PLC0415

    client = boto3.client("events", config=patience(connect_s=1, read_s=3, attempts=2))
    return EventBridgeJobEvents(client, setting("EXCHANGE_BUCKET"))


@cache
def caller() -> Caller:
    """Who calls back, and knows where nobody may; only a call reads the secret."""
    from servery.adapters.https_caller import HttpsCaller  # noqa: PLC0415
    from servery.domain.addresses import parse_networks  # noqa: PLC0415

    allowed = parse_networks(optional_setting("CALLBACK_ALLOWED_NETWORKS"))
    return HttpsCaller(_secret, SystemClock(), allowed=allowed)


@cache
def _signing_secret() -> SsmSecret:
    import boto3  # noqa: PLC0415
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415

    from servery.adapters.ssm_secret import SsmSecret  # noqa: PLC0415

    client = boto3.client("ssm", config=patience(connect_s=1, read_s=3, attempts=3))
    return SsmSecret(client, SSMProvider(boto3_client=client), setting("CALLBACK_SECRET"))


def _secret() -> str:
    return _signing_secret().read()


# Taking jobs and telling of them


def _entropy() -> str:
    import secrets  # noqa: PLC0415

    return secrets.token_hex(_ID_BYTES)


def _retention_days() -> int:
    return int(setting("JOB_RETENTION_DAYS"))


@cache
def submit_ports() -> SubmitPorts:
    """What taking a job works with."""
    from servery.usecases.jobs.submit import SubmitPorts  # noqa: PLC0415

    return SubmitPorts(
        deployments=deployments(),
        store=job_store(),
        documents=documents(),
        queue=job_queue(),
        caller=caller(),
        clock=SystemClock(),
        entropy=_entropy,
        retention_days=_retention_days(),
    )


@cache
def read_ports() -> ReadPorts:
    """What reading jobs works with."""
    from servery.usecases.jobs.reading import ReadPorts  # noqa: PLC0415

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
    from servery.usecases.jobs.redriving import RedrivePorts  # noqa: PLC0415

    return RedrivePorts(
        store=job_store(),
        queue=job_queue(),
        dead=dead_jobs(),
        clock=SystemClock(),
        retention_days=_retention_days(),
    )


@cache
def sweep_ports() -> SweepPorts:
    """What a sweep works with."""
    from servery.usecases.jobs.sweep import SweepPorts  # noqa: PLC0415

    return SweepPorts(
        store=job_store(),
        queue=job_queue(),
        dead=dead_jobs(),
        events=job_events(),
        callbacks=callback_queue(),
        clock=SystemClock(),
    )


# Carrying jobs out and calling back


def _refuse(error: Exception, request_id: str) -> tuple[int, str]:
    """The status and the problem document for an error."""
    import msgspec  # noqa: PLC0415

    from servery.edge.problem import problem, status_of  # noqa: PLC0415

    document = problem(error, request_id=request_id)
    return status_of(error), msgspec.json.encode(document).decode()


@cache
def job_worker() -> JobWorker:
    """Who carries out jobs."""
    from servery.adapters.sqs_visibility import SqsVisibility  # noqa: PLC0415
    from servery.edge.jobs_worker import JobWorker  # noqa: PLC0415
    from servery.usecases.jobs.settling import WorkPorts  # noqa: PLC0415

    ports = WorkPorts(
        store=job_store(),
        documents=documents(),
        deployments=deployments(),
        servers=model_servers(),
        dead=dead_jobs(),
        events=job_events(),
        callbacks=callback_queue(),
        clock=SystemClock(),
        refuse=_refuse,
    )
    visibility = SqsVisibility(_queues(), setting("JOBS_QUEUE_URL"))
    return JobWorker(ports, visibility.hide, prediction_recorder(), prediction_log().flush)


@cache
def job_caller() -> JobCaller:
    """Who calls back for jobs that are over."""
    from servery.adapters.sqs_visibility import SqsVisibility  # noqa: PLC0415
    from servery.edge.jobs_worker import JobCaller  # noqa: PLC0415
    from servery.usecases.jobs.calling_back import CallPorts  # noqa: PLC0415

    ports = CallPorts(
        store=job_store(), documents=documents(), caller=caller(), clock=SystemClock()
    )
    visibility = SqsVisibility(_queues(), setting("CALLBACK_QUEUE_URL"))
    return JobCaller(ports, visibility.hide)
