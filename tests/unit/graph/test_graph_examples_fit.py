"""The examples of graphs, registered against the models that their specs would become."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from devkit.specs import EXAMPLES
from fakes.deployed import deploy
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from servery.domain.graphs import GraphSpec
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.spec import ModelSpec
from servery.domain.spec_rules import read_spec
from servery.usecases.graph.checking import check_graph
from servery.usecases.graph.models import Models
from servery.usecases.graph.parts import askings

NAMES = sorted(path.stem for path in (EXAMPLES / "graphs").glob("*.yaml"))


def interface(spec: ModelSpec) -> Signature:
    """The signature as training makes it of a spec whose target names its classes."""
    inputs = [
        Field(name=c.name, dtype=c.dtype, unit=c.unit or "1", categories=c.categories)
        for c in spec.features
    ]
    target = spec.target
    if spec.task is Task.REGRESSION:
        output = Output(name=target.name, dtype=Dtype.FLOAT, unit=target.unit or "1")
    else:
        output = Output(
            name=target.name, dtype=target.dtype, classes=target.categories, probabilities=True
        )
    return Signature(task=spec.task, inputs=inputs, output=output)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_registers_when_its_models_are_released(name):
    graph = msgspec.convert(
        yaml.safe_load((EXAMPLES / "graphs" / f"{name}.yaml").read_text()), GraphSpec
    )
    registry, objects = MemoryRegistry(), MemoryObjectStore()
    for model in {asking.model for asking in askings(graph)}:
        spec = read_spec(yaml.safe_load((EXAMPLES / f"{model}.yaml").read_text()))
        assert spec.gates.latency_p99_ms is not None
        signature, slowest = interface(spec), spec.gates.latency_p99_ms
        deploy(registry, objects, model, signature, p99_ms=slowest)
    checked = check_graph(graph, Models(registry, objects))
    assert checked.request
    assert set(checked.pinned) == {asking.name for asking in askings(graph)}
