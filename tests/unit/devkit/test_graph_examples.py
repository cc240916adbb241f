"""The examples of graphs and the JSON Schema of a graph."""

import json
import re

import jsonschema
import msgspec
import pytest
import yaml
from devkit import entities, specs
from servery.domain.graphs import GraphSpec, graph_json_schema, kind_of, needs

GRAPHS = specs.EXAMPLES / "graphs"
SCHEMA = specs.ROOT / "infra" / "graph.schema.json"
NAMES = sorted(path.stem for path in GRAPHS.glob("*.yaml"))


def graph(name):
    return msgspec.convert(yaml.safe_load((GRAPHS / f"{name}.yaml").read_text()), GraphSpec)


def test_schema_is_current_when_compared():
    assert json.loads(SCHEMA.read_text()) == graph_json_schema(), (
        "write infra/graph.schema.json anew: json.dumps(graph_json_schema(), indent=2)"
    )


def test_schema_is_a_schema_when_an_editor_reads_it():
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_example_is_valid_when_read_by_editor_and_by_servery(name):
    text = (GRAPHS / f"{name}.yaml").read_text()
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(yaml.safe_load(text))
    spec = graph(name)
    assert spec.name == name
    assert spec.description
    names = {step.name for step in spec.steps}
    assert all(kind_of(step) and needs(step) <= names for step in spec.steps)
    assert set(spec.outputs) <= names
    schema = re.search(r"\$schema=(\S+)", text.splitlines()[0])
    assert (GRAPHS / schema[1]).resolve() == SCHEMA.resolve()


@pytest.mark.parametrize("name", NAMES)
def test_every_model_comes_along_when_an_example_is_tried(name):
    steps = graph(name).steps
    asked = [step.model for step in steps if step.model]
    asked += [member.model for step in steps if step.group for member in step.group.members]
    assert asked
    assert set(asked) <= set(specs.examples())


@pytest.mark.parametrize(
    ("name", "file", "key", "count"),
    [
        ("iris-flower", "flowers.csv", "flower", 150),
        ("breast-cancer-proxy", "biopsies.csv", "biopsy", 569),
        ("breast-cancer-lookup", "biopsies.csv", "biopsy", 569),
    ],
)
def test_data_are_what_the_lookup_wants_when_the_example_is_loaded(name, file, key, count):
    lookup = next(step.lookup for step in graph(name).steps if step.lookup)
    loaded = entities.read(specs.EXAMPLES / "data" / file, key)
    assert len(loaded) == count
    for row in loaded.values():
        assert set(row) == {column.name for column in lookup.columns}
        assert all(isinstance(value, float) for value in row.values())


@pytest.mark.parametrize(
    "change",
    [{"name": "Not a name"}, {"owner": ""}, {"unknown": 1}, {"steps": []}, {"deadline_ms": 1}],
)
def test_editor_and_servery_agree_when_a_graph_is_wrong(change):
    content = {**yaml.safe_load((GRAPHS / "iris-rest.yaml").read_text()), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(graph_json_schema()).validate(content)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(content, GraphSpec)
