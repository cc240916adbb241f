"""The examples and the JSON Schema of the spec."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml
from fakes.template import template
from fakes.training import EXAMPLES, Training, example
from servery.domain.manifest import Runtime
from servery.domain.spec import spec_json_schema
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError

OWN = template()["Parameters"]["OwnClasses"]["Default"]
SCHEMA = EXAMPLES.parent / "model-spec.schema.json"
RUNTIMES = {
    "iris": Runtime.ONNX,
    "iris-setosa": Runtime.ONNX,
    "iris-versicolor": Runtime.ONNX,
    "iris-virginica": Runtime.ONNX,
    "wine": Runtime.ONNX,
    "wine-cultivar": Runtime.ONNX,
    "wine-flavanoids-1": Runtime.ONNX,
    "wine-flavanoids-2": Runtime.ONNX,
    "wine-flavanoids-3": Runtime.ONNX,
    "breast-cancer": Runtime.ONNX,
    "breast-cancer-joblib": Runtime.JOBLIB,
    "breast-cancer-pair": Runtime.ONNX,
    "digits": Runtime.ONNX,
    "digits-light": Runtime.ONNX,
    "digits-heavy": Runtime.ONNX,
    "diabetes": Runtime.ONNX,
    "diabetes-joblib": Runtime.JOBLIB,
    "breast-cancer-lightgbm": Runtime.ONNX,
    "diabetes-xgboost": Runtime.ONNX,
    "wine-clipped": Runtime.ONNX,
    "wine-density": Runtime.JOBLIB,
    "diabetes-search": Runtime.ONNX,
}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


@pytest.fixture(autouse=True)
def own_classes(monkeypatch):
    """As the template names them."""
    monkeypatch.setenv("OWN_CLASSES", OWN)


def test_schema_is_current_when_compared():
    assert json.loads(SCHEMA.read_text()) == spec_json_schema(), (
        "write infra/model-spec.schema.json anew: json.dumps(spec_json_schema(), indent=2)"
    )


def test_schema_is_a_schema_when_an_editor_reads_it():
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_example_is_valid_when_read_by_editor_and_by_training(name):
    text = (EXAMPLES / f"{name}.yaml").read_text()
    content = yaml.safe_load(text)

    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(content)
    spec = read_spec(content)
    assert spec.name == name
    assert spec.owner
    assert spec.description
    assert spec.monitor.production_metric
    assert spec.gates.latency_p99_ms
    for column in spec.features:
        assert column.unit
        assert column.range or column.categories
    schema = re.search(r"\$schema=(\S+)", text.splitlines()[0])
    assert (EXAMPLES / schema[1]).resolve() == SCHEMA.resolve()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Not a name"},
        {"task": "clustering"},
        {"owner": ""},
        {"unknown": 1},
        {"split": {"test_fraction": 2}},
    ],
)
def test_editor_and_training_agree_when_a_spec_is_wrong(change):
    content = {**example("iris")[0], **change}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(spec_json_schema()).validate(content)
    with pytest.raises(InvalidSpecError):
        read_spec(content)


def test_every_data_set_and_runtime_is_shown_when_the_examples_are_read():
    assert set(NAMES) == set(RUNTIMES)
    specs = [example(name)[0] for name in NAMES]
    assert {spec["task"] for spec in specs} == {"classification", "regression"}
    assert {spec["data"].get("format", "csv") for spec in specs} == {"csv", "parquet"}
    assert {spec["serving"]["mode"] for spec in specs} == {"load", "image"}


def test_data_is_scikit_learns_own_when_compared():
    write_data = _script()
    for name, table in write_data.tables().items():
        path = EXAMPLES / "data" / name
        if path.suffix == ".parquet":
            assert pq.read_table(path).to_pydict() == table
        else:
            assert path.read_bytes() == write_data.content(name, table)
            rows = list(csv.reader(io.StringIO(path.read_text())))
            assert rows[0] == list(table)
    assert {p.name for p in (EXAMPLES / "data").iterdir()} == set(write_data.tables())


def _script():
    spec = importlib.util.spec_from_file_location("write_data", EXAMPLES / "write_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_example_passes_its_gates_in_its_runtime_when_trained(name):
    spec, data = example(name)

    training = Training(spec, data, training_id=f"{name}-1").run()

    state = training.state
    assert state["collect"]["rejected"] == 0
    assert state["evaluate"]["passed"], state["evaluate"]["reasons"]
    assert training.record().outcome == "registered"
    manifest = training.manifest()
    assert manifest.version.startswith("0.1.0-")
    if RUNTIMES[name] is Runtime.JOBLIB:
        assert manifest.runtime is Runtime.JOBLIB
        assert manifest.runtime_reason.startswith("served by joblib: ")
    else:
        assert manifest.parity.exported, manifest.parity.reason
