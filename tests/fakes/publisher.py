"""A publisher of model servers in memory, with the promises of the port."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fakes.registry import MemoryRegistry
from servery.domain.deployment import Server
from servery.domain.manifest import ModelRef, Part, Runtime
from servery.domain.releases import PUBLISH_LEASE
from servery.domain.serving import Mode


@dataclass
class Published:
    """A server as it was published."""

    server: Server
    ref: ModelRef
    publish_id: str
    image: str


class MemoryPublisher:
    """Publishes into a dict.

    Args:
        registry: Where the lease must be held while something is published.

    Attributes:
        deployed: Name of the code that is deployed now.
        published: What is there, by function.
        settled: Functions that were waited for.
        failures: Raised by the next calls of `publish`, one each.
    """

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry
        self._count = 0
        self.deployed = "code-1"
        self.published: dict[str, Published] = {}
        self.settled: list[str] = []
        self.failures: list[Exception] = []
        self.sweep_failure: Exception | None = None

    def code(self, runtime: Runtime, part: Part | None = None) -> str:
        kind = f"-{part}" if part is Part.PREPROCESSOR else ""
        return f"{self.deployed}-{runtime}{kind}"

    def publish(self, ref: ModelRef, mode: Mode, release_id: str, image: str = "") -> Server:
        held = self._registry.leases.get(PUBLISH_LEASE)
        assert held is not None and held.owner == release_id, "published without the lease"
        if self.failures:
            raise self.failures.pop(0)
        for made in self.published.values():
            if made.publish_id == release_id:
                return made.server
        self._count += 1
        function = "preprocessor" if ref.part is Part.PREPROCESSOR else "predictor"
        server = Server(
            function=f"{function}:{self._count}",
            function_version=str(self._count),
            code=self.code(ref.runtime, ref.part),
            mode=mode,
            layer=f"layer:{ref.model}:{self._count}" if image else "",
        )
        self.published[server.function] = Published(server, ref, release_id, image)
        return server

    def settle(self, server: Server) -> None:
        self.settled.append(server.function)

    def sweep(self, model: str, keep: Collection[Server]) -> list[str]:
        if self.sweep_failure is not None:
            raise self.sweep_failure
        kept = {server.function for server in keep}
        gone = [
            name
            for name, made in self.published.items()
            if made.ref.model == model and name not in kept
        ]
        for name in gone:
            del self.published[name]
        return gone
