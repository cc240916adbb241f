"""A front function as many are: all of Powertools, and its clients, at import."""

import os

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.parser import BaseModel
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="front")
tracer = Tracer(service="front")
metrics = Metrics(namespace="Servery", service="front")
app = APIGatewayRestResolver(enable_validation=True)
CLIENTS = {name: boto3.client(name) for name in os.environ["CLIENTS"].split(",")}
CONFIG = IdempotencyConfig(expires_after_seconds=3600)
PARAMETERS = parameters.SSMProvider
EVENT = APIGatewayProxyEvent


class Live(BaseModel):
    """That the API runs."""

    live: bool


@app.get("/v2/health/live")
def live() -> Live:
    """Whether the API runs."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return Live(live=True)


@app.get("/v2/models/<model>")
def model(model: str = Path(min_length=1)) -> Live:
    """Whether there is such a model."""
    key = {"pk": {"S": "MODELS"}, "sk": {"S": model}}
    if "Item" not in CLIENTS["dynamodb"].get_item(TableName="registry", Key=key):
        raise NotFoundError("there is no such model")
    return Live(live=True)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict, context: LambdaContext) -> dict:
    """Answer one event of API Gateway."""
    return app.resolve(event, context)
