"""The web single with everything around it in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.flower_model import store_flowers
from fakes.object_store import MemoryObjectStore
from fakes.records import a_server
from fakes.registry import MemoryRegistry
from fakes.template import ROOT
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.domain.deployment import Served, crown
from servery.domain.manifest import Manifest, ModelRef
from servery.errors import NotFoundError
from servery.usecases.web_single import Loaded, WebSingle, champion_of


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

    def load(self, ref: ModelRef) -> Loaded:
        self.loads.append(ref.version)
        content = self.objects.get(f"{ref.prefix}/model.onnx")
        manifest = msgspec.json.decode(
            self.objects.get(f"{ref.prefix}/manifest.json"), type=Manifest
        )
        runtime = OnnxRuntime.load(content, digest=ref.digest, signature=manifest.signature)
        return Loaded(ref, manifest, runtime)

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


@pytest.fixture
def house():
    return House()
