"""A training from spec to registry in memory, step by step, with the real adapters."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from fakes.clock import SetClock
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from servery.adapters.npz_datasets import NpzDataSets
from servery.domain.manifest import Latency, Manifest
from servery.domain.steps import Means
from servery.usecases.training import messages
from servery.usecases.training.collect import collect, describes
from servery.usecases.training.evaluate import evaluate
from servery.usecases.training.export import export
from servery.usecases.training.preprocess import preprocess
from servery.usecases.training.products import Code
from servery.usecases.training.record import record
from servery.usecases.training.register import confirm, register
from servery.usecases.training.steps import Machine, Steps
from servery.usecases.training.tools import Tools
from servery.usecases.training.train import train
from servery.wiring import training as wiring

EXAMPLES = Path(__file__).parents[2] / "infra" / "examples"
STEPS = ("collect", "preprocess", "train", "export", "evaluate", "register")
FLOWERS = {"dtype": "float", "unit": "cm", "range": [0, 10]}


def flower_spec(**changes: Any) -> dict[str, Any]:
    """The spec of a small classification: two lengths and a colour."""
    return {
        "name": "flower",
        "owner": "tests",
        "task": "classification",
        "data": {
            "uri": "s3://artifacts/raw/flower/data.csv",
            "target": "kind",
            "max_rejected": 0.5,
            "columns": [
                {"name": "length", **FLOWERS},
                {"name": "width", **FLOWERS},
                {"name": "colour", "dtype": "string", "unit": "1", "categories": ["blue", "red"]},
                {"name": "kind", "dtype": "string", "role": "target", "unit": "1"},
            ],
        },
        "estimator": {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}},
        "metric": "accuracy",
        **changes,
    }


def flowers(rows: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    """Rows that fit `flower_spec`; the kind follows from the colour and the length."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        length, width = random.uniform(0, 10, 2).round(3).tolist()
        colour = str(random.choice(["blue", "red"]))
        kind = "tall" if length > 5 else "low" if colour == "red" else "small"
        found.append({"length": length, "width": width, "colour": colour, "kind": kind})
    return found


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Rows as a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def example(name: str) -> tuple[dict[str, Any], bytes]:
    """The spec of an example and its data file."""
    spec = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    return spec, (EXAMPLES / spec["data"]["uri"]).read_bytes()


def constant(call: Any) -> Latency:
    """A stopwatch that calls once and always says the same."""
    call()
    return Latency(p50_ms=1.0, p99_ms=2.0)


class Training:
    """Runs the steps one after the other on a state like that of the execution.

    Attributes:
        state: The input, and the result of each step under its name.
        worked: The steps that did their work, in order: all that were not skipped.
        means: Step to the code that it works with, where that is not as always.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        data: bytes,
        *,
        training_id: str = "flower-1",
        store: MemoryObjectStore | None = None,
        registry: MemoryRegistry | None = None,
        code: Code | None = None,
        asked: dict[str, Any] | None = None,
        **tools: Any,
    ) -> None:
        self.store = store or MemoryObjectStore()
        self.registry = registry or MemoryRegistry()
        self.datasets = NpzDataSets(self.store)
        self.clock = SetClock()
        self.code = code or Code(library="l" * 64, training="t" * 64)
        self._tools = tools
        self.worked: list[str] = []
        self.means: dict[str, str] = {}
        machine = Machine(now=lambda: 0.0, memory_mb=1024, price=lambda seconds: 0.5)
        self.steps = Steps(self.store, self.clock, self._means, machine)
        key = f"raw/{spec['name']}/data.{spec['data'].get('format', 'csv')}"
        self.store.put(key, data)
        spec = {**spec, "data": {**spec["data"], "uri": self.store.uri(key)}}
        self.state: dict[str, Any] = {
            "training_id": training_id,
            "origin": "test",
            "spec": spec,
            **(asked or {}),
        }

    def run(self, until: str = "register") -> Training:
        """Run the steps that have no result yet, up to one of them."""
        for name in STEPS[: STEPS.index(until) + 1]:
            if name not in self.state:
                self.step(name)
        return self

    def step(self, name: str) -> Any:
        """Run one step on the state, as a state machine would."""
        event_type = getattr(messages, f"{name.capitalize()}Event")
        event = msgspec.convert(self.state, event_type)
        result = getattr(self, f"_{name}")(event)
        self.state[name] = msgspec.to_builtins(result)
        return result

    def record(self, **more: Any) -> Any:
        """Record how it ended."""
        event = messages.RecordEvent(run={**self.state, **more}, started="2026-03-01T11:00:00Z")
        return record(event, registry=self.registry, store=self.store, clock=self.clock)

    def file(self, name: str) -> dict[str, Any]:
        """A JSON file that a step left beside the training."""
        content = self.store.get(f"trainings/{self.state['training_id']}/{name}")
        return dict(msgspec.json.decode(content))

    def manifest(self) -> Manifest:
        """The manifest of the registered artifact."""
        done, model = self.state["register"], self.state["spec"]["name"]
        prefix = f"models/{model}/{done['version']}/{done['training']}"
        return msgspec.json.decode(self.store.get(f"{prefix}/manifest.json"), type=Manifest)

    def _means(self, step: str, _spec: Any) -> Means:
        return Means(code=self.means.get(step, "as always"), libraries={"numpy": "2"})

    def _step(self, event: Any, work: Any, **more: Any) -> Any:
        """The work through the steps, which may find that there is nothing to do."""

        def noted(store: Any) -> Any:
            self.worked.append(type(event).__name__.removesuffix("Event").lower())
            return work(store)

        return self.steps.run(event, noted, **more)

    def _collect(self, event: Any) -> Any:
        return self._step(
            event,
            lambda store: collect(
                event, store=store, datasets=NpzDataSets(store), reader=wiring.table_reader
            ),
            valid=lambda known: describes(known, event, store=self.store),
        )

    def _preprocess(self, event: Any) -> Any:
        return self._step(
            event, lambda store: preprocess(event, store=store, datasets=NpzDataSets(store))
        )

    def _train(self, event: Any) -> Any:
        return self._step(
            event,
            lambda store: train(
                event, store=store, datasets=NpzDataSets(store), trainer=wiring.trainer()
            ),
        )

    def _export(self, event: Any) -> Any:
        real = wiring.export_tools()
        chosen = {
            "export": real.export,
            "cut": real.cut,
            "load": real.load,
            "measure": constant,
            "now": real.now,
            "libraries": real.libraries,
            **self._tools,
        }
        return self._step(
            event,
            lambda store: export(
                event, store=store, datasets=NpzDataSets(store), tools=Tools(**chosen)
            ),
        )

    def _evaluate(self, event: Any) -> Any:
        return self._step(
            event,
            lambda store: evaluate(
                event, store=store, datasets=NpzDataSets(store), load=wiring.runtime_loader
            ),
        )

    def _register(self, event: Any) -> Any:
        registry, clock = self.registry, self.clock
        return self._step(
            event,
            lambda store: register(
                event, store=store, registry=registry, clock=clock, code=self.code
            ),
            valid=lambda known: confirm(known, event, registry=registry, clock=clock),
        )
