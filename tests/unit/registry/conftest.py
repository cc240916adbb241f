"""The registry over HTTP with every port in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes.api_calls import Reply, call
from fakes.artifacts import register
from fakes.clock import SetClock
from fakes.model_servers import FakeModelServers
from fakes.object_store import MemoryObjectStore
from fakes.publisher import MemoryPublisher
from fakes.queues import MemoryReleaseQueue
from fakes.registry import MemoryRegistry
from fakes.release_room import Room
from servery.domain.manifest import Part, Runtime
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.registry import RegistryApi
from servery.edge.registry_versions import VersionsApi
from servery.edge.telemetry import Telemetry
from servery.usecases.registry.reading import RegistryReader
from servery.usecases.registry.versions import VersionReader


@dataclass
class Office:
    clock: SetClock = field(default_factory=SetClock)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    queue: MemoryReleaseQueue = field(default_factory=MemoryReleaseQueue)
    servers: FakeModelServers = field(default_factory=FakeModelServers)
    ids: int = 0
    other_code: dict[Part | None, str] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock)
        self.publisher = MemoryPublisher(self.registry)
        self.servers.answer = lambda event: {
            "status": 200,
            "ready": True,
            "model_version": event["ref"]["version"],
            "digest": event["ref"]["digest"],
        }
        reader = RegistryReader(self.registry, self.objects, code=self.code, clock=self.clock)
        room = RegistryApi(
            reader,
            registry=self.registry,
            objects=self.objects,
            queue=self.queue,
            servers=self.servers,
            clock=self.clock,
            entropy=self.entropy,
        )
        versions = VersionReader(self.registry, self.objects, libraries=lambda: self.libraries)
        calls = {**room.calls(), **VersionsApi(versions).calls()}
        self.api = Api("registry", calls, cors=Cors(""), telemetry=Telemetry("registry"))

    def code(self, runtime: Runtime, part: Part | None) -> str:
        """The code of a server that is published now, where no test says another."""
        return self.other_code.get(part) or self.publisher.code(runtime, part)

    def entropy(self) -> str:
        self.ids += 1
        return f"{self.ids:08x}"

    def register(self, *args: Any, **changes: Any) -> None:
        register(self.registry, self.objects, *args, **changes)

    def send(self, method: str, path: str, body: Any = None, **extra: Any) -> Reply:
        sent = {"headers": {"content-type": "application/json"}, **extra}
        return call(self.api, method, path, body, **sent)

    def get(self, path: str) -> Reply:
        return self.send("GET", path)

    def post(self, path: str, body: Any = None) -> Reply:
        return self.send("POST", path, body)

    def carry_out(self) -> None:
        """Carry out what was started, as it would be."""
        room = Room(clock=self.clock, objects=self.objects, queue=self.queue, servers=self.servers)
        room.registry, room.publisher = self.registry, self.publisher
        while self.queue.started:
            record = self.queue.started.pop()
            room.run(record)

    def release(self, **body: Any) -> None:
        self.clock.advance(1)
        reply = self.post("/models/iris/releases", body)
        assert reply.status == 202, reply.body
        self.carry_out()


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def stocked() -> Office:
    made = Office()
    made.register()
    return made
