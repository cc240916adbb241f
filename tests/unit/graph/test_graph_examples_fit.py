"""The examples of graphs, registered against the models that their specs would become."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from devkit.specs import EXAMPLES
from fakes.deployed import a_pair, deploy, number, preprocessing
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.domain.manifest import Part
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


def release(registry: MemoryRegistry, objects: MemoryObjectStore, spec: ModelSpec) -> None:
    """Deploy what a spec would become: one model, or both halves of a pair."""
    assert spec.gates.latency_p99_ms is not None
    signature, slowest = interface(spec), spec.gates.latency_p99_ms
    if spec.pair is None:
        deploy(registry, objects, spec.name, signature, p99_ms=slowest)
        return
    first = spec.pair.preprocessor
    features = ["feature_1", "feature_2"]
    prepared = preprocessing(features, *signature.inputs)
    predicted = msgspec.structs.replace(signature, inputs=[number(n) for n in features])
    halves = ((first, Part.PREPROCESSOR, prepared), (spec.name, Part.PREDICTOR, predicted))
    for name, part, own in halves:
        partner = spec.name if name == first else first
        pair = a_pair(part, partner)
        deploy(registry, objects, name, own, p99_ms=slowest, pair=pair)


def example(name: str) -> GraphSpec:
    text = (EXAMPLES / "graphs" / f"{name}.yaml").read_text()
    return msgspec.convert(yaml.safe_load(text), GraphSpec)


def followed(graph: GraphSpec) -> list[GraphSpec]:
    """The graphs that answers of members set going."""
    members = [m for step in graph.steps if step.group for m in step.group.members]
    return [example(member.then.graph) for member in members if member.then is not None]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_registers_when_its_models_are_released(name):
    graph = example(name)
    registry, objects = MemoryRegistry(), MemoryObjectStore()
    asked = {asking.model for each in [graph, *followed(graph)] for asking in askings(each)}
    for path in EXAMPLES.glob("*.yaml"):
        if path.stem in asked:
            release(registry, objects, read_spec(yaml.safe_load(path.read_text())))
    models = Models(registry, objects)

    def registered(other: str) -> GraphRecord:
        known = check_graph(example(other), models)
        return GraphRecord(spec=example(other), revision=1, registered="", request=known.request)

    checked = check_graph(graph, models, graph_of=registered)
    assert checked.request
    assert set(checked.pinned) == {asking.name for asking in askings(graph)}
