"""What tells the lake: the prediction log and copies for shadows, of every room that answers.

And the room's own functions, which take labels and compare.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, cast

from servery.wiring.aws import deployments, lean_firehose, model_servers, patience
from servery.wiring.settings import (
    SystemClock,
    allowed_origins,
    in_lambda,
    optional_setting,
    setting,
)

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_sqs import SQSClient

    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.adapters.sqs_shadow_queue import SqsShadowQueue
    from servery.edge.after_response import AfterResponse
    from servery.edge.shadows import ShadowComparer
    from servery.ports import Clock, Documents, LineLog
    from servery.usecases.monitoring import Recorder

__all__ = [
    "after_response",
    "allowed_origins",
    "clock",
    "label_log",
    "prediction_log",
    "prediction_recorder",
    "send_shadows",
    "shadow_comparer",
    "shadow_queue",
]

_NAME_BYTES = 12


@cache
def prediction_log() -> FirehosePredictionLog:
    """The prediction log; what it loses becomes a metric of this function.

    In Lambda it is written without boto3, which takes longer than the request that it is about.
    """
    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.edge.telemetry import emit

    service = setting("POWERTOOLS_SERVICE_NAME")

    @cache
    def client() -> FirehoseClient:
        if in_lambda():
            return cast("FirehoseClient", lean_firehose())
        import boto3

        config = patience(connect_s=1, read_s=2, attempts=1)
        return boto3.client("firehose", config=config)

    return FirehosePredictionLog(
        client,
        setting("PREDICTION_LOG_STREAM"),
        lost=lambda lines: emit(service, {"PredictionLogLost": (lines, "Count")}),
    )


@cache
def prediction_recorder() -> Recorder:
    """What requests to predict are logged by."""
    from servery.usecases.monitoring import Recorder

    return Recorder(prediction_log(), SystemClock())


@cache
def after_response(*also: Callable[[float], None]) -> AfterResponse:
    """Writes the prediction log when a response has left; start it while Lambda still inits.

    Args:
        also: What else is done then, each with the seconds that are left; nothing of it raises.
    """
    from servery.edge.after_response import AfterResponse

    def work(seconds: float) -> None:
        until = time.monotonic() + seconds
        for each in (lambda left: prediction_log().flush(left), *also):
            each(max(0.0, until - time.monotonic()))

    return AfterResponse(work, optional_setting("AWS_LAMBDA_RUNTIME_API"))


@cache
def shadow_queue() -> SqsShadowQueue:
    """Takes copies for shadows; what it loses becomes a metric of this function."""
    import boto3

    from servery.adapters.sqs_shadow_queue import SqsShadowQueue
    from servery.edge.telemetry import emit

    service = setting("POWERTOOLS_SERVICE_NAME")
    config = patience(connect_s=1, read_s=2, attempts=2)

    @cache
    def client() -> SQSClient:
        return boto3.client("sqs", config=config)

    return SqsShadowQueue(
        client,
        setting("SHADOW_QUEUE_URL"),
        documents=_lake,
        clock=SystemClock(),
        entropy=_entropy,
        lost=lambda copies: emit(service, {"ShadowLost": (copies, "Count")}),
    )


def send_shadows(seconds: float) -> None:
    """Send the copies that wait, in so many seconds at the most; for `after_response`."""
    if shadow_queue.cache_info().currsize:
        shadow_queue().flush(seconds)


@cache
def _lake() -> Documents:
    """The lake."""
    import boto3

    from servery.adapters.s3_object_store import S3ObjectStore

    config = patience(connect_s=1, read_s=5, attempts=3)
    return S3ObjectStore(boto3.client("s3", config=config), setting("LAKE_BUCKET"), what="the lake")


def _entropy() -> str:
    import secrets

    return secrets.token_hex(_NAME_BYTES)


# The room's own functions


@cache
def clock() -> Clock:
    """The clock of the machine."""
    return SystemClock()


@cache
def label_log() -> LineLog:
    """The stream of labels."""
    import boto3

    from servery.adapters.firehose_lines import FirehoseLines

    client = boto3.client("firehose", config=patience(connect_s=1, read_s=5, attempts=2))
    return FirehoseLines(client, setting("LABEL_STREAM"))


@cache
def shadow_comparer() -> ShadowComparer:
    """Who compares."""
    import boto3

    from servery.adapters.sqs_visibility import SqsVisibility
    from servery.edge.shadows import ShadowComparer
    from servery.usecases.monitoring.comparing import ComparePorts

    ports = ComparePorts(
        deployments=deployments(),
        servers=model_servers(),
        lake=_lake(),
        clock=SystemClock(),
        entropy=_entropy,
    )
    sqs = boto3.client("sqs", config=patience(connect_s=1, read_s=3, attempts=2))
    return ShadowComparer(ports, SqsVisibility(sqs, setting("SHADOW_QUEUE_URL")).hide)
