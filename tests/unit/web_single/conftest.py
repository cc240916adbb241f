"""The web single with everything around it in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fakes.clock import SetClock
from fakes.flower_model import store_flowers
from fakes.object_store import MemoryObjectStore
from fakes.records import a_server
from fakes.registry import MemoryRegistry
from fakes.template import ROOT
from msgspec.structs import replace
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.deployment import Served, crown
from servery.domain.manifest import Latency, ModelRef, RuntimeFigures
from servery.domain.policies import Fallback, OnlineBudget, Policies, RoutingPolicy
from servery.edge.inference import Codec
from servery.errors import NotFoundError
from servery.ports import LoadedModel
from servery.usecases.web_single import WebSingle, champion_of


@pytest.fixture(autouse=True)
def _function_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "functions" / "web_single"))


@dataclass
class House:
    """A registry, a bucket, a clock, and the web single that lives on them."""

    clock: SetClock = field(default_factory=SetClock)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock)
        self.web = WebSingle("iris", champion_of(self.registry, "iris"), self.load, self.clock)

    def load(self, ref: ModelRef) -> LoadedModel:
        self.loads.append(ref.version)
        return ModelLoader(self, load_runtime, Codec).load(ref)

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """The house is its own `ArtifactSource`."""
        return self.objects.get(f"{ref.prefix}/{filename}")

    def release(self, version: str, favourite: str = "setosa", *, broken: bool = False) -> ModelRef:
        ref = store_flowers(self.objects, version, favourite=favourite)
        if broken:
            self.objects.delete(f"{ref.prefix}/model.onnx")
        try:
            before = self.registry.deployment("iris")
        except NotFoundError:
            before = None
        served = Served(ref=ref, server=a_server())
        self.registry.put_deployment(
            crown(before, served, now=self.clock.now().timestamp(), reason="test")
        )
        return ref

    def change_champion(self, *, p99_ms: float, allowed_ms: float) -> None:
        """The champion has measured that, and the policies allow that."""
        before = self.registry.deployment("iris")
        latency = Latency(p50_ms=1, p99_ms=p99_ms)
        figures = RuntimeFigures(one_row=latency, thousand_rows=latency, load_ms=1, size_bytes=1)
        after = replace(
            before,
            revision=before.revision + 1,
            champion=replace(before.champion, figures=figures),
            policies=Policies(online=OnlineBudget(p99_ms=allowed_ms)),
        )
        self.registry.put_deployment(after)

    def switch(self, *, active: bool) -> None:
        """Throw the kill switch; for as long as a record is kept nobody need know."""
        before = self.registry.deployment("iris")
        off = Fallback(retry_after_s=7)
        policies = Policies(routing=RoutingPolicy(active=active, off=off))
        after = replace(before, revision=before.revision + 1, policies=policies)
        self.registry.put_deployment(after)


@pytest.fixture
def house():
    return House()
