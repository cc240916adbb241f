"""A room for releases: every port in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakes.artifacts import register
from fakes.clock import SetClock
from fakes.execution import Execution, StateError
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.publisher import MemoryPublisher
from fakes.queues import MemoryReleaseQueue
from fakes.registry import MemoryRegistry
from fakes.releases import MemoryExecutions, MemorySignals, SetHeldOut, SetJudge
from fakes.template import ROOT
from servery.domain.manifest import ModelRef
from servery.domain.release_records import ReleaseKind, ReleaseRecord
from servery.edge.steps import step
from servery.usecases.registry.asking import ReleaseRequest, ask_release
from servery.usecases.release import ReleasePorts, place_servers, route, run_release
from servery.usecases.release.gating import gate
from servery.usecases.release.messages import Progress, StateEvent
from servery.usecases.release.staging import judge_stage
from servery.usecases.release.sweeping import SweepPorts, Swept, sweep

MACHINE = ROOT / "state_machines/training_to_serving.asl.yaml"


def well(event: dict[str, Any]) -> dict[str, Any]:
    """A server that has what it is asked for."""
    ref = event["ref"]
    return {
        "status": 200,
        "ready": True,
        "model_version": ref["version"],
        "digest": ref["digest"],
        "runtime": ref["runtime"],
        "code": "c",
        "load_ms": 1.0,
    }


@dataclass
class Room:
    """Where releases are asked for and carried out."""

    clock: SetClock = field(default_factory=SetClock)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    queue: MemoryReleaseQueue = field(default_factory=MemoryReleaseQueue)
    servers: FakeModelServers = field(default_factory=lambda: FakeModelServers(answer=well))
    signals: MemorySignals = field(default_factory=MemorySignals)
    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    judge: SetJudge = field(default_factory=SetJudge)
    held_out: SetHeldOut = field(default_factory=SetHeldOut)
    ids: int = 0
    raised: BaseException | None = None
    answer: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock)
        self.publisher = MemoryPublisher(self.registry)

    @property
    def ports(self) -> ReleasePorts:
        return ReleasePorts(
            registry=self.registry,
            objects=self.objects,
            signals=self.signals,
            publisher=self.publisher,
            servers=self.servers,
            clock=self.clock,
            pause=self.clock.advance,
        )

    def register(self, *args: Any, **changes: Any) -> ModelRef:
        return register(self.registry, self.objects, *args, **changes)

    def entropy(self) -> str:
        self.ids += 1
        return f"{self.ids:08x}"

    def ask(self, model: str = "iris", **request: Any) -> ReleaseRecord:
        self.clock.advance(1)
        return ask_release(
            model,
            ReleaseRequest(**request),
            registry=self.registry,
            objects=self.objects,
            queue=self.queue,
            clock=self.clock,
            entropy=self.entropy,
        )

    def run(self, record: ReleaseRecord) -> ReleaseRecord:
        """Carry a release out: a candidate or a roll whole, a release state by state."""
        if record.kind is not ReleaseKind.RELEASE:
            return run_release(record.model, record.id, self.ports)
        execution = self.execution()
        execution.run({"model": record.model, "release": record.id})
        self.executions.running.discard(execution.arn)
        if execution.status == "FAILED" and self.raised is not None:
            raise self.raised
        return self.registry.release(record.model, record.id)

    def execution(self, *, stop_after: str = "") -> Execution:
        """An execution of the machine, on these ports."""
        self.raised = None
        made = Execution.of(
            MACHINE,
            {
                "${ReleaseRouteFunctionArn}": self._state(self._route),
                "${ReleaseGateFunctionArn}": self._state(self._gate),
                "${ReleaseRunFunctionArn}": self._state(self._run),
                "${ReleaseJudgeFunctionArn}": self._state(self._judge),
                "arn:aws:states:::lambda:invoke.waitForTaskToken": self._ask,
            },
        )
        made.pause = self.clock.advance
        made.stop_after = stop_after
        made.arn = f"execution-{self.ids}"
        self.ids += 1
        self.executions.running.add(made.arn)
        return made

    def _state(self, do: Callable[[StateEvent], Progress]) -> Callable[[Any], Any]:
        def typed(event: StateEvent) -> Progress:
            return do(event)

        handler = step(StateEvent)(typed)

        def resource(event: Any) -> Any:
            try:
                return handler(event, None)
            except Exception as error:
                self.raised = error.__cause__ if error.__cause__ is not None else error
                raise

        return resource

    def _route(self, event: StateEvent) -> Progress:
        return route(event, self.ports)

    def _gate(self, event: StateEvent) -> Progress:
        return gate(event, self.ports, self.held_out)

    def _run(self, event: StateEvent) -> Progress:
        return place_servers(event, self.ports)

    def _judge(self, event: StateEvent) -> Progress:
        return judge_stage(event, self.ports, self.judge)

    def _ask(self, parameters: Any) -> Any:
        """Ask for an approval, and wait until somebody answers."""
        self._state(self._route)(parameters["Payload"])
        if self.answer is None:
            raise StateError("States.Timeout", "nobody answered")
        self.answer()
        return self.executions.told[-1][1]

    def sweep(self) -> Swept:
        ports = self.ports
        return sweep(
            SweepPorts(
                registry=ports.registry,
                objects=ports.objects,
                signals=ports.signals,
                executions=self.executions,
                clock=ports.clock,
                pause=ports.pause,
            )
        )

    def release(self, **request: Any) -> ReleaseRecord:
        return self.run(self.ask(**request))
