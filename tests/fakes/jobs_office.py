"""The room `jobs` over HTTP, with every port in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakes.api_calls import Reply, call
from fakes.clock import SetClock
from fakes.jobs import (
    FakeCaller,
    Life,
    MemoryDeadJobs,
    MemoryDocuments,
    MemoryJobEvents,
    MemoryJobQueue,
    MemoryJobStore,
)
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Deployment, Served
from servery.domain.job_changes import claim, end, told
from servery.domain.jobs import Ending, Job, JobState
from servery.domain.serving import Limits
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.jobs import JobsApi
from servery.edge.telemetry import Telemetry
from servery.usecases.jobs.reading import ReadPorts
from servery.usecases.jobs.redriving import RedrivePorts
from servery.usecases.jobs.submit import SubmitPorts
from servery.usecases.jobs.sweep import SweepPorts

BODY = '{"records": [{"sepal_length": 5.1}]}'


@dataclass
class Office:
    """The room with everything that it works with."""

    life: Life = field(default_factory=Life)
    clock: SetClock = field(default_factory=SetClock)
    caller: FakeCaller = field(default_factory=FakeCaller)
    ids: int = 0

    def __post_init__(self) -> None:
        self.store = MemoryJobStore(self.life)
        self.documents = MemoryDocuments(self.life)
        self.queue = MemoryJobQueue(self.life)
        self.dead = MemoryDeadJobs(self.life)
        self.events = MemoryJobEvents(self.life)
        self.callbacks = MemoryJobQueue(self.life)
        self.registry = MemoryRegistry(self.clock)
        for model in ("iris", "wine"):
            self.registry.put_deployment(deployment_of(model))
        self.deployments = KeptDeployments(self.registry, self.clock)
        jobs = JobsApi(self.submitting, self.reading, self.redriving)
        self.api = Api("jobs", jobs.calls(), cors=Cors(""), telemetry=Telemetry("jobs"))

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    @property
    def submitting(self) -> SubmitPorts:
        return SubmitPorts(
            deployments=self.deployments,
            store=self.store,
            documents=self.documents,
            queue=self.queue,
            caller=self.caller,
            clock=self.clock,
            entropy=self.entropy,
            retention_days=7,
        )

    @property
    def reading(self) -> ReadPorts:
        return ReadPorts(
            store=self.store,
            documents=self.documents,
            deployments=self.deployments,
            registry=self.registry,
            clock=self.clock,
        )

    @property
    def redriving(self) -> RedrivePorts:
        return RedrivePorts(
            store=self.store,
            queue=self.queue,
            dead=self.dead,
            clock=self.clock,
            retention_days=7,
        )

    @property
    def sweeping(self) -> SweepPorts:
        return SweepPorts(
            store=self.store,
            queue=self.queue,
            dead=self.dead,
            events=self.events,
            callbacks=self.callbacks,
            clock=self.clock,
        )

    def entropy(self) -> str:
        self.ids += 1
        return f"{self.ids:014x}"

    def send(
        self, method: str, path: str, body: Any = None, headers: Any = None, **event: Any
    ) -> Reply:
        sent = {"content-type": "application/json", "x-request-id": "request-1", **(headers or {})}
        return call(self.api, method, path, body, sent, **event)

    def submit(self, body: Any = BODY, model: str = "iris", **headers: str) -> Reply:
        return self.send("POST", f"/v2/models/{model}/jobs", body, headers)

    def accepted(self, **arguments: Any) -> str:
        """The id of a job that was taken."""
        reply = self.submit(**arguments)
        assert reply.status == 202, reply.body
        job_id: str = reply.body["id"]
        return job_id

    def run(self, job_id: str, state: JobState = JobState.DONE, **ending: Any) -> Job:
        """What a worker does: claim a job and end it; nobody is told yet."""
        self.claim(job_id)
        values = {"status": 200, "model_version": "1.1.0", "result": '{"predictions": [1]}'}
        if state is not JobState.DONE:
            values = {"status": 503, "reason": "the model did not answer"}
        over = end(
            self.store.get(job_id),
            Ending(state=state, **(values | ending)),
            now=self.now,
            finished=self.clock.now().isoformat(),
        )
        self.store.put(over)
        return over

    def claim(self, job_id: str, owner: str = "worker-1") -> Job:
        job = self.store.get(job_id)
        started = self.clock.now().isoformat()
        claimed = claim(job, owner=owner, now=self.now, started=started, seconds=60)
        self.store.put(claimed)
        return claimed

    def tell(self, job_id: str) -> None:
        self.store.put(told(self.store.get(job_id)))


def deployment_of(model: str, **changes: Any) -> Deployment:
    champion = Served(ref=a_ref(model=model), server=a_server())
    values = {"model": model, "champion": champion, "limits": Limits(max_body_kb=400)}
    return a_deployment(**(values | changes))
