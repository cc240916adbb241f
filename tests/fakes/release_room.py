"""A room for releases: every port in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakes.artifacts import register
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.publisher import MemoryPublisher
from fakes.queues import MemoryReleaseQueue
from fakes.registry import MemoryRegistry
from servery.domain.manifest import ModelRef
from servery.domain.records import ReleaseRecord
from servery.usecases.registry.asking import ReleaseRequest, ask_release
from servery.usecases.release import ReleasePorts, run_release


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
    ids: int = 0

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock)
        self.publisher = MemoryPublisher(self.registry)

    @property
    def ports(self) -> ReleasePorts:
        return ReleasePorts(
            registry=self.registry,
            objects=self.objects,
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
        return run_release(record.model, record.id, self.ports)

    def release(self, **request: Any) -> ReleaseRecord:
        return self.run(self.ask(**request))
