"""The room `multi_stage`: what asks a light model at once and leaves a heavy one a job."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import deployments, model_servers
from servery.wiring.clients import Patience
from servery.wiring.monitoring import after_response, prediction_recorder
from servery.wiring.policies import guards, settle
from servery.wiring.settings import SystemClock, allowed_origins, in_lambda, setting
from servery.wiring.submitting import submit_ports

if TYPE_CHECKING:
    from servery.ports import ObjectStore
    from servery.usecases.jobs.submit import SubmitPorts
    from servery.usecases.multi_stage.staging import Staging

__all__ = [
    "after_response",
    "allowed_origins",
    "in_lambda",
    "prediction_recorder",
    "settle",
    "staging",
]


@cache
def staging() -> Staging:
    """What takes rows through two stages."""
    from servery.domain.spec import Serving
    from servery.edge.multi_stage.desks import GatewayDesk, SubmittingDesk
    from servery.usecases.gateway import Gateway
    from servery.usecases.multi_stage.signatures import Signatures
    from servery.usecases.multi_stage.staging import Staging

    servers = model_servers()
    servers.prepare(Serving().deadline_ms / 1000)
    gateway = Gateway(deployments(), servers, SystemClock(), guards())
    return Staging(
        deployments(),
        Signatures(_manifests()),
        GatewayDesk(gateway),
        SubmittingDesk(_hurried_ports()),
    )


@cache
def _manifests() -> ObjectStore:
    """The artifacts bucket; the first answer waits for it, but only until a model is known."""
    from servery.adapters.s3_object_store import S3ObjectStore

    patience = Patience(connect_s=1, read_s=2, attempts=2)
    return S3ObjectStore(clients.objects(patience), setting("ARTIFACTS_BUCKET"))


def _hurried_ports() -> SubmitPorts:
    """What taking a job works with, given up sooner: the first answer is there and waits for it."""
    from servery.adapters.dynamodb_jobs import DynamoDbJobs
    from servery.adapters.s3_object_store import S3ObjectStore
    from servery.adapters.sqs_jobs import SqsJobQueue

    patience = Patience(connect_s=0.5, read_s=1, attempts=2)
    dynamodb, sqs = clients.dynamodb(patience), clients.sqs(patience)
    return replace(
        submit_ports(),
        store=DynamoDbJobs(dynamodb, setting("JOBS_TABLE")),
        documents=S3ObjectStore(clients.objects(patience), setting("EXCHANGE_BUCKET")),
        queue=SqsJobQueue(sqs, setting("JOBS_QUEUE_URL")),
    )
