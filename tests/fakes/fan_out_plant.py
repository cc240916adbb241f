"""Everything that jobs of graphs need, in memory: topic, queues, store, bus, models, and the time.

What is real: the use cases and the engine behind them. What is simulated: the clock, and at-least-
once delivery, where messages hide and come back. Lambda's part is played here: a function is given
messages, and those that it does not want back are deleted, unless it has died.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from fakes.clock import EPOCH, SetClock
from fakes.graph_jobs import MemoryGraphEvents, MemoryGraphJobs
from fakes.graph_plant import Plant
from fakes.jobs import DiedError, Life, MemoryDocuments
from fakes.sqs_queue import Message, SimulatedQueue
from servery.domain import named_aggregators
from servery.domain.graph_jobs import SLOTS, GraphJob, PartMessage
from servery.domain.graph_records import GraphRecord
from servery.edge.problem import problem, status_of
from servery.errors import NotFoundError, UnavailableError
from servery.ports import GraphJobStore
from servery.ports.crew import Done
from servery.usecases.graph.asking import GraphAsker
from servery.usecases.graph.calling import ModelCaller
from servery.usecases.graph.fan_out.answering import Answered, GraphAnswerPorts, answer
from servery.usecases.graph.fan_out.following import (
    Followed,
    GraphFollowPorts,
    MemberEvent,
    follow,
)
from servery.usecases.graph.fan_out.reading import GraphReadPorts, view
from servery.usecases.graph.fan_out.settling import GraphSettlePorts, settle
from servery.usecases.graph.fan_out.submitting import (
    GraphSubmission,
    GraphSubmitPorts,
    GraphSubmitted,
    submit,
)
from servery.usecases.graph.fan_out.sweeping import GraphSweepPorts, GraphSwept, sweep
from servery.usecases.graph.fan_out.views import GraphJobView

NAMED = {"maximum": named_aggregators.maximum}
SECONDS = 60.0
"""Of one invocation, and for which a message is hidden."""


class InlineCrew:
    """Does a job when it is started; its time goes on only where nothing comes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._done: deque[Done] = deque()

    def now(self) -> float:
        return self.seconds

    def start(self, ticket: str, job: Callable[[], Any]) -> None:
        try:
            done = Done(ticket, result=job())
        except Exception as error:
            done = Done(ticket, error=error)
        self._done.append(done)

    def next(self, until: float) -> Done | None:
        if self._done:
            return self._done.popleft()
        self.seconds = max(self.seconds, until)
        return None

    def drop(self, ticket: str) -> None:
        self._done = deque(done for done in self._done if done.ticket != ticket)


class SlotQueues:
    """The topic with its subscriptions: the queue of each slot gets the messages of its own."""

    def __init__(self, clock: SetClock, life: Life) -> None:
        self._life = life
        self.slots = [SimulatedQueue(clock, life, visibility=SECONDS) for _ in range(SLOTS)]
        self.failure: Exception | None = None

    def publish(self, messages: list[PartMessage]) -> None:
        if self.failure is not None:
            raise self.failure
        for message in messages:
            self.slots[message.slot].send([msgspec.json.encode(message).decode()])


class FanOut:
    """Jobs of graphs.

    Args:
        life: Of the processes, which die where it says so.
        store: Where jobs are kept.
        seed: Of ids.
    """

    def __init__(
        self, life: Life | None = None, store: GraphJobStore | None = None, seed: int = 1
    ) -> None:
        self.life = life or Life()
        self.clock = SetClock()
        self.models = Plant()
        self.memory = MemoryGraphJobs(self.life)
        self.store: GraphJobStore = store or self.memory
        self.documents = MemoryDocuments(self.life)
        self.topic = SlotQueues(self.clock, self.life)
        self.later = SimulatedQueue(self.clock, self.life, visibility=SECONDS)
        self.events = MemoryGraphEvents(self.life)
        self._random = random.Random(seed)  # noqa: S311
        self.graphs: dict[str, GraphRecord] = self.models.records
        self.submitting = GraphSubmitPorts(
            store=self.store,
            documents=self.documents,
            topic=self.topic,
            later=self.later,
            clock=self.clock,
            entropy=self._entropy,
            retention_days=7,
        )
        self.settling = GraphSettlePorts(
            store=self.store,
            documents=self.documents,
            events=self.events,
            clock=self.clock,
            refuse=_refuse,
            named=NAMED,
        )
        caller = ModelCaller(self.models, self.models, lambda: 0.0)
        asker = GraphAsker(self, caller, self.models, InlineCrew, NAMED)
        self.answering = GraphAnswerPorts(
            settling=self.settling, asker=asker, entropy=self._entropy
        )
        self.asker = asker

    # --- the port of graphs

    def get(self, name: str) -> GraphRecord:
        if name not in self.graphs:
            raise NotFoundError("there is no such graph")
        return self.graphs[name]

    # --- setting up

    def group(self, *members: str, name: str = "g", **declared: Any) -> GraphRecord:
        """Register a graph of one group, each member a model of its name that takes `x`."""
        more = {key: declared.pop(key) for key in ("job_wait_s",) if key in declared}
        step = {
            key: declared.pop(key) for key in ("when", "on_failure", "default") if key in declared
        }
        thens = declared.pop("then", {})
        group = {
            "members": [
                {"name": m, "model": m, **({"then": thens[m]} if m in thens else {})}
                for m in members
            ],
            "aggregate": "all",
            **declared,
        }
        if group["aggregate"] not in ("all", "any", "vote", "quorum"):
            for member in group["members"]:
                member["score"] = "value"
        spec = {"name": name, "steps": [{"name": "team", "group": group, **step}], **more}
        return self.models.graph(spec, {}, "x:float")

    # --- acting

    def submit(self, *xs: float, graph: str = "g", **more: Any) -> GraphSubmitted:
        body = msgspec.json.encode({"records": [{"x": x} for x in xs or (1.0,)]})
        return submit(
            GraphSubmission(record=self.get(graph), body=body, request_id="r-1", **more),
            self.submitting,
        )

    def accepted(self, *xs: float, **more: Any) -> str:
        return self.submit(*xs, **more).job.id

    def deliver(self, message: Message, queue: SimulatedQueue) -> Answered | None:
        """Give a message of a slot to a worker; None where that has died of it."""
        part = msgspec.json.decode(message.body, type=PartMessage)
        try:
            done = answer(part, self.answering, receives=message.receives, seconds=SECONDS)
            if done.back is None:
                queue.messages.pop(message.id, None)
            else:
                with suppress(UnavailableError):  # then the queue's own time applies
                    queue.hide({message.receipt: done.back})
        except DiedError:
            return None
        return done

    def work(self) -> list[Answered | None]:
        """Deliver everything that can be seen."""
        return [
            self.deliver(message, queue)
            for queue in self.topic.slots
            for message in queue.receive()
        ]

    def sweep(self) -> GraphSwept:
        ports = GraphSweepPorts(settling=self.settling, topic=self.topic)
        return sweep(ports, seconds=lambda: SECONDS)

    def settle_later(self) -> None:
        """What the queue of times hands over."""
        for message in self.later.receive():
            settle(message.body, self.settling)
            self.later.messages.pop(message.id, None)

    def go_on(self, seconds: float) -> None:
        """Let the time pass in steps of half a minute at the most, with all that happens then."""
        until = self.now + seconds
        while self.now < until:
            self.clock.advance(min(30.0, until - self.now))
            self.work()
            self.settle_later()
            self.sweep()

    def follow(self, job_id: str, member: str) -> Followed:
        ports = GraphFollowPorts(submitting=self.submitting, graphs=self)
        return follow(MemberEvent(job=job_id, member=member), ports)

    # --- looking

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    @property
    def waiting(self) -> int:
        """Messages in the queues of all slots."""
        return sum(len(queue.messages) for queue in self.topic.slots)

    def job(self, job_id: str) -> GraphJob:
        return self.store.get(job_id)

    def view(self, job_id: str, graph: str = "g", **more: Any) -> GraphJobView:
        ports = GraphReadPorts(
            store=self.store, documents=self.documents, graphs=self, clock=self.clock
        )
        return view(graph, job_id, ports, **more)

    def predictions(self, job_id: str) -> Any:
        found = self.view(job_id).result
        return None if found is None else msgspec.json.decode(found)["predictions"]

    def _entropy(self) -> str:
        return f"{self._random.getrandbits(56):014x}"


def _refuse(error: Exception, request_id: str) -> tuple[int, str]:
    document = problem(error, request_id=request_id)
    return status_of(error), msgspec.json.encode(document).decode()


__all__ = ["EPOCH", "SECONDS", "FanOut", "InlineCrew"]
