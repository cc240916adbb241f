"""What tells the lake: the prediction log and copies for shadows, of every room that answers.

And the room's own functions, which take labels and compare.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import (
    deployments,
    keeping,
    model_servers,
    object_store,
    registry,
)
from servery.wiring.clients import Patience
from servery.wiring.retiring import removal, retire_ports
from servery.wiring.settings import (
    SystemClock,
    allowed_origins,
    entropy,
    optional_setting,
    setting,
)

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_sqs import SQSClient

    from servery.adapters.dynamodb_watches import DynamoDbWatches
    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.adapters.log_key import LogKey
    from servery.adapters.sqs_shadow_queue import SqsShadowQueue
    from servery.edge.after_response import AfterResponse
    from servery.edge.shadows import ShadowComparer
    from servery.ports import Clock, Documents, LakeFiles, LineLog
    from servery.usecases.monitoring import Recorder
    from servery.usecases.monitoring.evaluating import EvaluationPorts
    from servery.usecases.monitoring.gathering import Gatherer
    from servery.usecases.monitoring.keeping_watch import WatchPorts
    from servery.usecases.monitoring.watch_desk import WatchDesk

__all__ = [
    "after_response",
    "allowed_origins",
    "clock",
    "evaluation_ports",
    "event_log",
    "label_log",
    "lake_files",
    "prediction_log",
    "prediction_recorder",
    "removal",
    "retire_ports",
    "send_shadows",
    "shadow_comparer",
    "shadow_queue",
    "watch_desk",
    "watch_ports",
]

_NAME_BYTES = 12


@cache
def prediction_log() -> FirehosePredictionLog:
    """The prediction log; what it loses becomes a metric of this function."""
    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.edge.telemetry import emit

    service = setting("POWERTOOLS_SERVICE_NAME")

    @cache
    def client() -> FirehoseClient:
        return clients.firehose(Patience(connect_s=1, read_s=2, attempts=1))

    return FirehosePredictionLog(
        client,
        setting("PREDICTION_LOG_STREAM"),
        lost=lambda lines: emit(service, {"PredictionLogLost": (lines, "Count")}),
    )


@cache
def prediction_recorder() -> Recorder:
    """What requests to predict are logged by."""
    from servery.usecases.monitoring import Recorder

    return Recorder(prediction_log(), SystemClock(), lambda: _log_key().read())


@cache
def _log_key() -> LogKey:
    """The key that personal fields are hashed with in the prediction log."""
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    from servery.adapters.log_key import LogKey
    from servery.adapters.ssm_secret import SsmSecret

    client = clients.sdk("ssm", Patience(connect_s=1, read_s=2, attempts=1))
    secret = SsmSecret(
        client,
        SSMProvider(boto3_client=client),
        setting("PREDICTION_LOG_KEY"),
        what="the key of the prediction log",
        purpose="Hashes what is about persons in the prediction log; another key, other hashes.",
    )
    return LogKey(secret.read)


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

    address = optional_setting("AWS_LAMBDA_RUNTIME_API")
    if not address:
        return AfterResponse(work, None)
    from servery.adapters.extensions_api import ExtensionsApi

    return AfterResponse(work, ExtensionsApi(address))


@cache
def shadow_queue() -> SqsShadowQueue:
    """Takes copies for shadows; what it loses becomes a metric of this function."""
    from servery.adapters.sqs_shadow_queue import SqsShadowQueue
    from servery.edge.telemetry import emit

    service = setting("POWERTOOLS_SERVICE_NAME")
    patience = Patience(connect_s=1, read_s=2, attempts=2)

    @cache
    def client() -> SQSClient:
        return clients.sqs(patience)

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
    from servery.adapters.s3_object_store import S3ObjectStore

    patience = Patience(connect_s=1, read_s=5, attempts=3)
    return S3ObjectStore(clients.objects(patience), setting("LAKE_BUCKET"), what="the lake")


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
    return _lines(setting("LABEL_STREAM"))


@cache
def event_log() -> LineLog:
    """The stream of client events."""
    return _lines(setting("EVENT_STREAM"))


def _lines(stream: str) -> LineLog:
    from servery.adapters.firehose_lines import FirehoseLines

    client = clients.firehose(Patience(connect_s=1, read_s=5, attempts=2))
    return FirehoseLines(client, stream)


@cache
def lake_files() -> LakeFiles:
    """The lake as whoever tidies it sees it."""
    from servery.adapters.s3_lake_files import AHEAD, S3LakeFiles

    patience = Patience(connect_s=1, read_s=20, attempts=4, connections=AHEAD)
    return S3LakeFiles(clients.s3(patience), setting("LAKE_BUCKET"))


@cache
def shadow_comparer() -> ShadowComparer:
    """Who compares."""
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
    sqs = clients.sqs(Patience(connect_s=1, read_s=3, attempts=2))
    return ShadowComparer(ports, SqsVisibility(sqs, setting("SHADOW_QUEUE_URL")).hide)


# The watch


@cache
def watch_desk() -> WatchDesk:
    """What tells of the watch, and takes requests for looks."""
    from servery.adapters.lambda_look_queue import LambdaLookQueue
    from servery.usecases.monitoring.watch_desk import WatchDesk

    client = clients.functions(Patience(connect_s=2, read_s=5, attempts=3))
    return WatchDesk(
        registry=registry(),
        store=_watches(),
        reports=_lake(),
        queue=LambdaLookQueue(client, setting("WATCH_FUNCTION")),
        clock=SystemClock(),
        entropy=entropy,
        playbooks=setting("PLAYBOOKS"),
    )


@cache
def watch_ports() -> WatchPorts:
    """What the watch works with."""
    from servery.adapters.eventbridge_alarm_events import EventBridgeAlarmEvents
    from servery.adapters.s3_look_reports import S3LookReports
    from servery.adapters.sns_alarm_topic import SnsAlarmTopic
    from servery.edge.watch import AlarmMetrics
    from servery.usecases.monitoring.keeping_watch import WatchPorts

    patience = Patience(connect_s=2, read_s=10, attempts=3)
    lake, playbooks = setting("LAKE_BUCKET"), setting("PLAYBOOKS")
    return WatchPorts(
        registry=registry(),
        store=_watches(),
        look=_gatherer().look,
        reports=S3LookReports(clients.s3(patience), lake, playbooks),
        tellers=[
            EventBridgeAlarmEvents(clients.events(patience)),
            SnsAlarmTopic(clients.sns(patience), setting("ALERTS_TOPIC_ARN")),
            AlarmMetrics(),
        ],
        clock=SystemClock(),
        entropy=entropy,
        playbooks=playbooks,
    )


@cache
def _gatherer() -> Gatherer:
    """What a look is made of; numpy is imported here, in the function that looks alone."""
    from servery.adapters.cloudwatch_requests import CloudWatchRequests
    from servery.adapters.lake_objects import LakeObjects
    from servery.edge.telemetry import NAMESPACE
    from servery.usecases.monitoring.gathering import Gatherer

    patience = Patience(connect_s=2, read_s=20, attempts=4)
    return Gatherer(
        registry=registry(),
        objects=object_store(),
        lake=LakeObjects(clients.s3(patience), setting("LAKE_BUCKET")),
        requests=CloudWatchRequests(clients.sdk("cloudwatch", patience), NAMESPACE),
        delay_seconds=float(setting("LAKE_DELAY")),
    )


@cache
def _watches() -> DynamoDbWatches:
    """What is kept of the watch."""
    from servery.adapters.dynamodb_watches import DynamoDbWatches

    client = clients.dynamodb()
    return DynamoDbWatches(client, setting("REGISTRY_TABLE"), SystemClock())


@cache
def evaluation_ports() -> EvaluationPorts:
    """What evaluating versions works with."""
    from servery.adapters.lake_objects import LakeObjects
    from servery.usecases.monitoring.evaluating import EvaluationPorts

    lake = clients.s3(Patience(connect_s=2, read_s=20, attempts=4))
    return EvaluationPorts(
        registry=registry(),
        lake=LakeObjects(lake, setting("LAKE_BUCKET")),
        kept=keeping(),
        clock=SystemClock(),
    )
