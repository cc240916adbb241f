"""What takes jobs, for every room that has some of its work done later."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import deployments
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from servery.adapters.ssm_secret import SsmSecret
    from servery.ports import Caller, Documents, JobQueue, JobStore
    from servery.usecases.jobs.submit import SubmitPorts

_ID_BYTES = 7  # of what is random in an id; the rest of it is the time


@cache
def job_store() -> JobStore:
    """The table of jobs."""
    from servery.adapters.dynamodb_job_lists import AT_ONCE
    from servery.adapters.dynamodb_jobs import DynamoDbJobs

    patience = Patience(connect_s=1, read_s=3, attempts=3, connections=AT_ONCE)
    return DynamoDbJobs(clients.dynamodb(patience), setting("JOBS_TABLE"))


@cache
def documents() -> Documents:
    """The exchange bucket, for what is too large for the table."""
    from servery.adapters.s3_object_store import S3ObjectStore

    patience = Patience(connect_s=1, read_s=5, attempts=3)
    return S3ObjectStore(clients.objects(patience), setting("EXCHANGE_BUCKET"))


@cache
def queues() -> SQSClient:
    """SQS. A queue that does not answer is given up soon: the record is there, a sweep sends it."""
    return clients.sqs(Patience(connect_s=1, read_s=3, attempts=2))


@cache
def job_queue() -> JobQueue:
    """The worker's queue."""
    from servery.adapters.sqs_jobs import SqsJobQueue

    return SqsJobQueue(queues(), setting("JOBS_QUEUE_URL"))


@cache
def caller() -> Caller:
    """Who calls back, and knows where nobody may; only a call reads the secret."""
    from servery.adapters.https_caller import HttpsCaller
    from servery.domain.addresses import parse_networks

    allowed = parse_networks(optional_setting("CALLBACK_ALLOWED_NETWORKS"))
    return HttpsCaller(_secret, SystemClock(), allowed=allowed)


@cache
def _signing_secret() -> SsmSecret:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    from servery.adapters.ssm_secret import SsmSecret

    client = clients.sdk("ssm", Patience(connect_s=1, read_s=3, attempts=3))
    return SsmSecret(client, SSMProvider(boto3_client=client), setting("CALLBACK_SECRET"))


def _secret() -> str:
    return _signing_secret().read()


def entropy() -> str:
    """Random hexadecimal digits, of which an id has some."""
    import secrets

    return secrets.token_hex(_ID_BYTES)


def retention_days() -> int:
    """How long a job and its result can be read."""
    return int(setting("JOB_RETENTION_DAYS"))


@cache
def submit_ports() -> SubmitPorts:
    """What taking a job works with."""
    from servery.usecases.jobs.submit import SubmitPorts

    return SubmitPorts(
        deployments=deployments(),
        store=job_store(),
        documents=documents(),
        queue=job_queue(),
        caller=caller(),
        clock=SystemClock(),
        entropy=entropy,
        retention_days=retention_days(),
    )
