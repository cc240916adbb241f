"""Everything that carries jobs out, with real use cases, by a clock that only moves when told.

A worker, the queue that feeds it, the sweep, and the callers. Any of them can be made to die at
any call that changes something; time then goes on, and what is left has to finish the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec
from fakes.clock import SetClock
from fakes.job_servers import JobServers
from fakes.jobs import (
    DiedError,
    FakeCaller,
    Life,
    MemoryDeadJobs,
    MemoryDocuments,
    MemoryJobEvents,
    MemoryJobStore,
)
from fakes.prediction_log import MemoryPredictionLog
from fakes.records import a_deployment, a_ref, a_server
from fakes.registry import MemoryRegistry
from fakes.sqs_queue import Message, SimulatedQueue, event_of
from msgspec.structs import replace
from servery.adapters.kept_deployments import KeptDeployments
from servery.domain.deployment import Served
from servery.domain.jobs import Job
from servery.domain.policies import Policies, RoutingPolicy
from servery.domain.serving import Limits
from servery.edge.jobs_worker import JobCaller, JobWorker
from servery.edge.problem import problem, status_of
from servery.errors import ConflictError
from servery.ports import DeadJobs, Documents, JobEvents, JobStore, ModelServers
from servery.usecases.jobs.calling_back import CallPorts
from servery.usecases.jobs.settling import WorkPorts
from servery.usecases.jobs.sweep import SweepPorts, sweep
from servery.usecases.monitoring import Recorder

WORKER_SECONDS = 60.0
SWEEP_EVERY = 60.0
MOST_ROUNDS = 2000


@dataclass
class Context:
    """Lambda's, as far as anybody looks at it."""

    aws_request_id: str
    seconds: float = WORKER_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def refuse(error: Exception, request_id: str) -> tuple[int, str]:
    document = problem(error, request_id=request_id)
    return status_of(error), msgspec.json.encode(document).decode()


class WatchedStore:
    """A store of jobs, and a note of every ending that was written to it."""

    def __init__(self, store: JobStore, endings: list[str]) -> None:
        self._store = store
        self._endings = endings
        self._over: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, job: Job) -> None:
        try:
            self._store.put(job)
        except ConflictError:
            raise
        except BaseException:
            if self._store.get(job.id).revision == job.revision:
                self._note(job)  # it was written, and then the writer died
            raise
        self._note(job)

    def _note(self, job: Job) -> None:
        if not job.state.final:
            self._over.discard(job.id)
        elif job.id not in self._over:
            self._over.add(job.id)
            self._endings.append(job.id)


@dataclass
class JobPlant:
    """The parts, each of them a real one or one in memory.

    Attributes:
        life: Of whoever works at the moment; give it an end to make them die.
        deaths: How often somebody died.
        endings: The jobs that were ended, each as often as that was recorded.
        flushed: How long the log was given to be written, each time.
    """

    life: Life = field(default_factory=Life)
    clock: SetClock = field(default_factory=SetClock)
    store: JobStore = None  # type: ignore[assignment]
    documents: Documents = None  # type: ignore[assignment]
    dead: DeadJobs = None  # type: ignore[assignment]
    events: JobEvents = None  # type: ignore[assignment]
    servers: ModelServers = None  # type: ignore[assignment]
    caller: FakeCaller = field(default_factory=FakeCaller)
    models: Sequence[str] = ("iris", "wine")
    max_body_kb: int = 4000
    deaths: int = 0
    endings: list[str] = field(default_factory=list)
    invocations: int = 0
    flushed: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = WatchedStore(self.store or MemoryJobStore(self.life), self.endings)
        self.documents = self.documents or MemoryDocuments(self.life)
        self.dead = self.dead or MemoryDeadJobs(self.life)
        self.events = self.events or MemoryJobEvents(self.life)
        self.servers = self.servers or JobServers(life=self.life)
        self.queue = SimulatedQueue(self.clock, self.life)
        self.callbacks = SimulatedQueue(self.clock, self.life, visibility=190, most_receives=20)
        self.registry = MemoryRegistry(self.clock)
        for model in self.models:
            self.deploy(model)
        self.deployments = KeptDeployments(self.registry, self.clock)
        self.log = MemoryPredictionLog()
        self.worker = JobWorker(
            self.ports, self.queue.hide, Recorder(self.log, self.clock), self.flushed.append
        )
        calls = CallPorts(
            store=self.store, documents=self.documents, caller=self.caller, clock=self.clock
        )
        self.back_caller = JobCaller(calls, self.callbacks.hide)

    @property
    def ports(self) -> WorkPorts:
        return WorkPorts(
            store=self.store,
            documents=self.documents,
            deployments=self.deployments,
            servers=self.servers,
            dead=self.dead,
            events=self.events,
            callbacks=self.callbacks,
            clock=self.clock,
            refuse=refuse,
        )

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    def deploy(self, model: str, revision: int = 1, server: int = 1) -> None:
        champion = Served(ref=a_ref("1.0.0-1.1", model=model), server=a_server(server))
        limits = Limits(max_body_kb=self.max_body_kb)
        self.registry.put_deployment(
            a_deployment(revision, model=model, champion=champion, limits=limits)
        )

    def switch(self, model: str, *, active: bool) -> None:
        """Switch a model on or off, and let the time pass until everybody knows."""
        now = self.registry.deployment(model)
        policies = Policies(routing=RoutingPolicy(active=active))
        self.registry.put_deployment(replace(now, revision=now.revision + 1, policies=policies))
        self.clock.advance(5)

    def accept(self, *jobs: Job) -> None:
        """Jobs that are durable and in the queue."""
        for job in jobs:
            self.store.add(job)
        self.queue.send([job.id for job in jobs])

    def work(self, messages: Sequence[Message] | None = None) -> dict[str, Any] | None:
        """One invocation of the worker over what the queue has; None where it died."""
        messages = self.queue.receive() if messages is None else messages
        self.invocations += 1
        context = Context(f"invocation-{self.invocations}")
        return self._live(
            self.queue, messages, lambda: self.worker.serve(event_of(messages), context)
        )

    def call_back(self) -> dict[str, Any] | None:
        """One invocation of the callers over what their queue has."""
        messages = self.callbacks.receive(10)
        context = Context("callers", 30.0)
        return self._live(
            self.callbacks, messages, lambda: self.back_caller.serve(event_of(messages), context)
        )

    def sweep(self) -> None:
        ports = SweepPorts(
            store=self.store,
            queue=self.queue,
            dead=self.dead,
            events=self.events,
            callbacks=self.callbacks,
            clock=self.clock,
        )
        try:
            sweep(ports, seconds=lambda: WORKER_SECONDS)
        except DiedError:
            self._bury()

    def finish(self, done: Callable[[], bool] | None = None) -> int:
        """Let time go on, a sweep every minute, until nothing is left to do; in how many rounds.

        Args:
            done: Whether all is over; by default, when both queues are empty and nothing is due.
        """
        next_sweep = self.now + SWEEP_EVERY
        for number in range(MOST_ROUNDS):
            if (done or self._idle)():
                return number
            moments = [next_sweep, self.queue.next_visible(), self.callbacks.next_visible()]
            pause = max(0.0, min(m for m in moments if m is not None) - self.now)
            self.clock.advance(ceil(pause * 1000) / 1000)
            if self.now >= next_sweep:
                self.sweep()
                next_sweep = self.now + SWEEP_EVERY
            for queue, act in ((self.queue, self.work), (self.callbacks, self.call_back)):
                visible = queue.next_visible()
                while visible is not None and visible <= self.now:
                    act()
                    visible = queue.next_visible()
        raise AssertionError("there is no end to it")

    def _idle(self) -> bool:
        waiting = self.queue.messages or self.callbacks.messages
        return not waiting and not self.store.due(float("inf"), limit=1)

    def _live(
        self, queue: SimulatedQueue, messages: Sequence[Message], act: Callable[[], Any]
    ) -> dict[str, Any] | None:
        if not messages:
            return {"batchItemFailures": []}
        try:
            answer: dict[str, Any] = act()
        except DiedError:
            self._bury()
            return None
        queue.settle(messages, answer)
        return answer

    def _bury(self) -> None:
        self.deaths += 1
        self.life.ends_at = 0
