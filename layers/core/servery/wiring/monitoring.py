"""The prediction log, for every room that answers predictions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import patience
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.edge.after_response import AfterResponse
    from servery.usecases.monitoring import Recorder


@cache
def prediction_log() -> FirehosePredictionLog:
    """The prediction log; what it loses becomes a metric of this function."""
    import boto3

    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.edge.telemetry import emit

    service = setting("POWERTOOLS_SERVICE_NAME")
    config = patience(connect_s=1, read_s=2, attempts=1)

    @cache
    def client() -> FirehoseClient:
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
def after_response() -> AfterResponse:
    """Writes the prediction log when a response has left; start it while Lambda still inits."""
    from servery.edge.after_response import AfterResponse

    return AfterResponse(
        lambda seconds: prediction_log().flush(seconds),
        optional_setting("AWS_LAMBDA_RUNTIME_API"),
    )
