"""The gateway and a model server behind it, each in a process of its own, on loopback.

What Lambda, DynamoDB and Firehose would be is in this process, and not counted: the two functions
are. The log is written after each response, as on AWS, and counted.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from fakes.aws_stub import AwsStub, Invoked
from fakes.page_server import items_of
from servery.domain.deployment import Deployment

from benchmarks.one_function import ROOT, OneFunction, Subject
from benchmarks.served_models import ServedModel


class WholePath:
    """Both functions, up.

    Args:
        model: What is deployed.
        log_sample: Share of the requests that are in the prediction log.
        checkout: Whose functions they are; this one's where left out.
    """

    def __init__(
        self, model: ServedModel, log_sample: float = 1.0, checkout: Path | None = None
    ) -> None:
        deployment = Deployment(
            model=model.ref.model, revision=1, champion=model.served, log_sample=log_sample
        )
        self._stub = AwsStub(invoke=self._invoke, items=items_of(deployment))
        _keep_open(self._stub)
        self.server = OneFunction(model.in_image().out_of(checkout))
        self.gateway = OneFunction(gateway(self._stub.url).out_of(checkout))

    def __enter__(self) -> WholePath:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gateway.close()
        self.server.close()
        self._stub.close()

    def ask(self, event: bytes) -> dict[str, Any]:
        """The answer of the gateway to an event of API Gateway."""
        answer: dict[str, Any] = json.loads(self.gateway.ask(event))
        return answer

    def repeat(self, event: bytes, times: int) -> float:
        """Seconds of the processor that both take for each of many like requests."""
        before = self.server.processor()
        spent = self.gateway.repeat(event, times)
        return spent.processor + (self.server.processor() - before) / times

    def _invoke(self, _function: str, event: dict[str, Any]) -> Invoked:
        return Invoked(self.server.ask(json.dumps(event).encode()))


def gateway(address: str) -> Subject:
    """The gateway's function, with its cloud at an address."""
    environment = {
        "AWS_ENDPOINT_URL_DYNAMODB": address,
        "AWS_ENDPOINT_URL_LAMBDA": address,
        "AWS_ENDPOINT_URL_FIREHOSE": address,
        "POWERTOOLS_SERVICE_NAME": "gateway",
        "REGISTRY_TABLE": "registry",
        "PREDICTION_LOG_STREAM": "predictions",
    }
    return Subject("serve.handler", ROOT / "functions" / "gateway", environment)


def _keep_open(stub: AwsStub) -> None:
    """Let connections be used again, as AWS does."""
    kind: Any = stub._server.RequestHandlerClass
    kind.protocol_version = "HTTP/1.1"
    kind.disable_nagle_algorithm = True
    kind.wbufsize = -1
