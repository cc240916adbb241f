"""The room `multi_stage` over HTTP: real gateway, real rules of jobs, every port in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fakes.api_calls import Reply, call
from fakes.deployed import classifier, deploy, number, text
from fakes.jobs_office import Office
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.prediction_log import MemoryPredictionLog
from msgspec.structs import replace
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.multi_stage.desks import GatewayDesk, SubmittingDesk
from servery.edge.multi_stage.serving import StagedApi
from servery.edge.telemetry import Telemetry
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder
from servery.usecases.multi_stage.signatures import Signatures
from servery.usecases.multi_stage.staging import Staging

LIGHT, HEAVY = "visit-light", "visit-heavy"
ROW = {"age": 41, "stay": 3.5, "letter": "short of breath"}


def light_answer(event: dict[str, Any]) -> dict[str, Any]:
    """A server that answers every row it is sent, with a number no float is quite."""
    rows = len(json.loads(event["body"])["records"])
    one = '{"class":"home","probabilities":{"home":0.70000005,"ward":0.29999995}}'
    return {
        "status": 200,
        "body": f'{{"model":"{LIGHT}","predictions":[{",".join([one] * rows)}]}}',
        "model_version": event["ref"]["version"],
        "rows": rows,
        "model_ms": 0.5,
    }


def problem_answer(status: int, kind: str, **more: Any) -> Any:
    """A server that answers with a problem document."""
    document = {"type": f"urn:servery:problem:{kind}", "status": status, "detail": "no", **more}
    return lambda event: {
        "status": status,
        "body": json.dumps(document),
        "model_version": "0.1.0-dabc1234.sdef5678",
    }


@dataclass
class StagedOffice:
    """A light and a heavy model that share the column `age`, and all that they work with."""

    jobs: Office = field(default_factory=Office)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    servers: FakeModelServers = field(default_factory=lambda: FakeModelServers(light_answer))
    log: MemoryPredictionLog = field(default_factory=MemoryPredictionLog)
    released: tuple[str, ...] = (LIGHT, HEAVY)

    def __post_init__(self) -> None:
        signatures = {
            LIGHT: classifier(["home", "ward"], number("age"), number("stay")),
            HEAVY: classifier(["home", "ward"], number("age"), text("letter")),
        }
        for model in self.released:
            deploy(self.jobs.registry, self.objects, model, signatures[model])
        self.change(second_stage=HEAVY)
        gateway = Gateway(self.jobs.deployments, self.servers, self.jobs.clock)
        staging = Staging(
            self.jobs.deployments,
            Signatures(self.objects),
            GatewayDesk(gateway),
            SubmittingDesk(self.jobs.submitting),
        )
        staged = StagedApi(staging, Recorder(self.log, self.jobs.clock))
        telemetry = Telemetry("multi_stage")
        self.api = Api("multi_stage", staged.calls(), cors=Cors(""), telemetry=telemetry)

    def change(self, model: str = LIGHT, **changes: Any) -> None:
        """Write a deployment anew."""
        now = self.jobs.registry.deployment(model)
        self.jobs.registry.put_deployment(replace(now, revision=now.revision + 1, **changes))
        self.jobs.deployments.forget(model)

    def send(self, body: Any, model: str = LIGHT, **headers: str) -> Reply:
        """POST a staged request; a body that is no text is sent as JSON."""
        sent = {"x-request-id": "r-1"} | headers
        return call(self.api, "POST", f"/v2/models/{model}/staged", body, sent)

    @property
    def kept(self) -> list[Any]:
        """Every job that was accepted."""
        return self.jobs.store.all()

    @property
    def line(self) -> dict[str, Any]:
        """The only line of the prediction log."""
        (line,) = self.log.entries
        return line
