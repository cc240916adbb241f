"""The real gateway without AWS: the record, the model server and the log are in its memory."""

import os
from pathlib import Path

import canned
import msgspec
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Deployment
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.marshalling import marshal_by_msgspec
from servery.edge.telemetry import Telemetry
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder
from servery.wiring.policies import guards
from servery.wiring.settings import SystemClock


class _Registry:
    def __init__(self):
        content = Path(os.environ["DEPLOYMENT_FILE"]).read_bytes()
        self._deployment = msgspec.json.decode(content, type=Deployment)

    def deployment(self, _model):
        return self._deployment


class _Servers:
    def call(self, _server, payload, *, timeout):
        return canned.invoke(payload, timeout)


class _Log:
    def record(self, line, _size):
        canned.LOG.append(line())


marshal_by_msgspec()
_clock = SystemClock()
_gateway = Gateway(KeptDeployments(_Registry(), _clock), _Servers(), _clock, guards())
_api = Api(
    "gateway",
    GatewayApi(_gateway, Recorder(_Log(), _clock)).calls(),
    cors=Cors("https://example.org"),
    telemetry=Telemetry("gateway"),
)


def handler(event, context):
    """Answer one event of API Gateway."""
    return _api.serve(event, context)
