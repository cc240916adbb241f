"""The same gateway by Powertools: its resolver with validation, its Logger, its Metrics."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import canned
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from body import Body

logger = Logger(service="gateway")
metrics = Metrics(namespace="Servery", service="gateway")
app = APIGatewayRestResolver(enable_validation=True)
DEPLOYMENT = json.loads(Path(os.environ["DEPLOYMENT_FILE"]).read_text())
MOST_BYTES = 1_000_000


@app.post("/v2/models/<model>/infer")
def infer(model: str, body: Body) -> Response[dict]:
    """Have a model server answer one request."""
    started = time.perf_counter()
    if model != DEPLOYMENT["model"]:
        raise NotFoundError("there is no such model")
    request_id = app.current_event.request_context.request_id
    champion = DEPLOYMENT["champion"]
    sent = app.current_event.body
    payload = {"verb": "infer", "ref": champion["ref"], "request_id": request_id, "body": sent}
    answer = json.loads(canned.invoke(json.dumps(payload).encode(), 5.0))
    milliseconds = (time.perf_counter() - started) * 1000
    now = datetime.now(UTC)
    entry = {
        "schema": 1,
        "request_id": request_id,
        "time": now.isoformat(),
        "day": now.strftime("%Y-%m-%d"),
        "model": model,
        "model_version": answer["model_version"],
        "status": answer["status"],
        "rows": len(body.records),
        "latency_ms": milliseconds,
        "input": json.loads(sent),
        "output": json.loads(answer["body"]),
    }
    canned.LOG.append(json.dumps(entry).encode())
    logger.info("answered", model=model, status=answer["status"], latency_ms=milliseconds)
    metrics.add_dimension("model", model)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Latency", MetricUnit.Milliseconds, milliseconds)
    return Response(
        status_code=answer["status"],
        content_type="application/json",
        body=json.loads(answer["body"]),
        headers={"x-request-id": request_id, "x-model-version": answer["model_version"]},
    )


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    """Answer one event of API Gateway."""
    return app.resolve(event, context)
