"""Imports from file and sample to what is registered, in memory, with the real adapters."""

from __future__ import annotations

import csv
import io
import pickle
from types import SimpleNamespace

import joblib
import msgspec
import numpy as np
import pytest
import skops.io
from fakes.clock import SetClock
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from onnx import TensorProto, helper
from servery.adapters.csv_table import read_csv
from servery.adapters.npz_datasets import NpzDataSets
from servery.domain.digest import digest_bytes
from servery.domain.signature import Dtype, Task
from servery.domain.spec_rules import read_spec
from servery.errors import ConflictError, InvalidInputError, InvalidSpecError, RejectedError
from servery.usecases.training.collect import collect
from servery.usecases.training.importing.inspection import inspect
from servery.usecases.training.importing.messages import ImportEvent, OpenEvent
from servery.usecases.training.importing.open_onnx import open_onnx
from servery.usecases.training.importing.open_pipeline import open_skops, open_trusted
from servery.usecases.training.messages import CollectEvent, RegisterEvent
from servery.usecases.training.products import Code
from servery.usecases.training.register import register
from servery.wiring import training as wiring
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RANDOM = np.random.default_rng(1)
ROWS = RANDOM.uniform(0, 10, (60, 3)).round(2).astype(np.float32)
KINDS = np.where(ROWS[:, 0] > 5, "tall", "low")
SIZES = ROWS @ np.array([1.0, 2.0, 3.0]) + 4
NAMES = ["a", "b", "c"]
CLASSIFIER = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, KINDS)
REGRESSION = LinearRegression().fit(ROWS, SIZES)


def sample(target=None, name="y", rows=ROWS, names=NAMES):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*names, *([name] if target is not None else [])])
    for place, row in enumerate(rows):
        values = [f"{value:.2f}" for value in row]
        writer.writerow([*values, *([target[place]] if target is not None else [])])
    return text.getvalue().encode()


def as_onnx(model, **options):
    return to_onnx(model, ROWS[:1], **options).SerializeToString()


def as_pickle(model):
    content = io.BytesIO()
    joblib.dump(model, content)
    return content.getvalue()


class Import:
    """An import step by step, on a state like that of the execution."""

    def __init__(self, model, rows, *, trusted=False, spec=None, **wishes):
        self.store, self.registry = MemoryObjectStore(), MemoryRegistry()
        self.datasets = NpzDataSets(self.store)
        digests = {"model": digest_bytes(model), "sample": digest_bytes(rows)}
        self.store.put(f"imports/{digests['model']}/model", model)
        self.store.put(f"imports/{digests['sample']}/sample.csv", rows)
        self.state = {
            "training_id": "import_tests",
            "spec": {"name": "foreign", "owner": "tests", **(spec or {})},
            "upload": {**digests, "trusted": trusted, "wishes": {"unit": "1", **wishes}},
        }

    def inspect(self):
        event = msgspec.convert(self.state, ImportEvent)
        found = inspect(event, store=self.store, datasets=self.datasets, reader=read_csv)
        self.state["inspected"] = msgspec.to_builtins(found)
        return found

    def run(self):
        found = self.inspect()
        event = msgspec.convert(self.state, OpenEvent)
        ports = {"store": self.store, "datasets": self.datasets}
        if found.format == "onnx":
            tools = wiring.onnx_tools(wiring.runtime_loader)
            return open_onnx(event, read=wiring.graph_reader(), tools=tools, **ports)
        if found.format == "skops":
            tools = wiring.export_tools()
            return open_skops(event, read=wiring.skops_reader(), tools=tools, **ports)
        tools = wiring.sklearn_tools(wiring.runtime_loader)
        return open_trusted(event, read=wiring.pickle_reader(), tools=tools, **ports)

    def register(self, **changes):
        results = {**msgspec.to_builtins(self.run()), **changes}
        event = {"training_id": "import_tests", "origin": "import", **results}
        return register(
            msgspec.convert(event, RegisterEvent),
            store=self.store,
            registry=self.registry,
            clock=SetClock(),
            code=Code(library="l" * 64, training="t" * 64),
        )


@pytest.mark.parametrize("zipmap", [True, False])
def test_onnx_is_registered_with_the_signature_of_its_sample_when_it_answers_it(zipmap):
    model = as_onnx(CLASSIFIER, options={"zipmap": zipmap})
    done = Import(model, sample(KINDS), target="y", units={"a": "cm"})

    ref = done.register()

    (version,) = done.registry.versions("foreign")
    assert (version.version, version.origin, version.runtime) == (ref.version, "import", "onnx")
    assert version.metrics["accuracy"] == np.mean(CLASSIFIER.predict(ROWS) == KINDS)
    report = done.store.get("trainings/import_tests/train.json")
    signature = msgspec.json.decode(report)["signature"]
    assert [one["unit"] for one in signature["inputs"]] == ["cm", "1", "1"]
    assert signature["inputs"][0]["minimum"] == pytest.approx(float(ROWS[:, 0].min()))
    assert signature["output"]["classes"] == ["low", "tall"]


@pytest.mark.parametrize("write", [as_onnx, skops.io.dumps])
def test_model_is_imported_without_figures_when_the_sample_has_no_target(write):
    found = Import(write(CLASSIFIER), sample()).run()
    numbers = Import(write(REGRESSION), sample()).run()

    assert found.evaluate.metrics == numbers.evaluate.metrics == {}
    assert found.evaluate.passed
    spec = read_spec(found.spec)
    assert (spec.task, spec.target.dtype) == (Task.CLASSIFICATION, Dtype.STRING)
    assert read_spec(numbers.spec).task is Task.REGRESSION


def test_skops_is_compiled_and_proven_like_our_own_when_it_was_let_in():
    found = Import(skops.io.dumps(REGRESSION), sample(SIZES), target="y").run()

    assert "lowest median" in found.export.runtime_reason
    assert found.evaluate.metrics["r2"] == pytest.approx(1.0)


def test_trusted_pickle_serves_as_the_very_bytes_when_its_owner_says_so():
    content = as_pickle(CLASSIFIER)
    done = Import(content, sample(KINDS), trusted=True, target="y")

    done.register()

    (version,) = done.registry.versions("foreign")
    assert (version.origin, version.runtime) == ("trusted-file", "joblib")
    assert done.store.get("trainings/import_tests/model.joblib") == content
    assert "trainings/import_tests/model.onnx" not in done.store.objects


class Touch:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickle_is_never_opened_when_nobody_trusts_it(tmp_path):
    trace = tmp_path / "trace"
    poisoned = Import(pickle.dumps(Touch(trace)), sample(KINDS), target="y")
    with pytest.raises(RejectedError, match="was not opened"):
        poisoned.inspect()
    good = Import(as_onnx(CLASSIFIER), sample(KINDS), target="y")
    good.inspect()
    event = {**good.state, "upload": poisoned.state["upload"]}
    tools = wiring.sklearn_tools(wiring.runtime_loader)
    ports = {"store": poisoned.store, "datasets": good.datasets, "tools": tools}

    with pytest.raises(RejectedError, match="was not opened"):
        open_trusted(msgspec.convert(event, OpenEvent), read=wiring.pickle_reader(), **ports)
    with pytest.raises(RejectedError):
        open_skops(msgspec.convert(event, OpenEvent), read=wiring.skops_reader(), **ports)
    with pytest.raises(RejectedError, match="was not opened"):
        open_onnx(msgspec.convert(event, OpenEvent), read=wiring.graph_reader(), **ports)
    assert not trace.exists()


NARROW = sample(KINDS, rows=ROWS[:, :2], names=NAMES[:2])


@pytest.mark.parametrize(
    ("model", "rows", "wishes", "told"),
    [
        (CLASSIFIER, sample(np.where(KINDS == "low", "small", "tall")), {"target": "y"}, "small"),
        (CLASSIFIER, sample(SIZES), {"target": "y"}, "the model answers string"),
        (REGRESSION, sample(KINDS), {"target": "y"}, "the model answers float"),
        (
            CLASSIFIER,
            sample(KINDS, rows=ROWS[:, :2], names=NAMES[:2]),
            {"target": "y"},
            "answer the sample|takes|sample",
        ),
        (CLASSIFIER, sample(KINDS), {"target": "z"}, "no column z"),
        (CLASSIFIER, sample(KINDS), {"target": "y", "unit": ""}, "need a unit"),
        (CLASSIFIER, sample(KINDS, rows=ROWS[:1]), {"target": "y"}, "1 rows"),
        (CLASSIFIER, b"a,b,c,y\n", {"target": "y"}, "no rows"),
        (CLASSIFIER, b"\xff\xfe", {"target": "y"}, "no CSV"),
        (CLASSIFIER, b"a,b,c,y\n1,2,3,low\n1,2\n1,2,4,tall\n", {"target": "y"}, "line 3"),
    ],
)
@pytest.mark.parametrize("write", [as_onnx, skops.io.dumps])
def test_import_is_refused_when_sample_and_model_do_not_fit(write, model, rows, wishes, told):
    with pytest.raises(RejectedError, match=told):
        Import(write(model), rows, **wishes).run()


def test_import_is_refused_when_the_file_is_not_the_one_that_was_announced():
    other = Import(as_onnx(CLASSIFIER), sample(KINDS), target="y")
    key = f"imports/{other.state['upload']['model']}/model"
    other.store.put(key, as_onnx(REGRESSION))
    with pytest.raises(InvalidInputError, match="announced"):
        other.inspect()
    del other.store.objects[key]
    with pytest.raises(InvalidInputError, match="not uploaded"):
        other.inspect()


@pytest.mark.parametrize(
    "training_id", ["flower-1", "import-1", "import_", "import_../../models/x", ""]
)
def test_import_has_a_name_of_its_own_when_it_may_write_only_below_it(training_id):
    state = Import(as_onnx(CLASSIFIER), sample(KINDS)).state
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**state, "training_id": training_id}, ImportEvent)


def test_gates_of_the_spec_hold_when_a_model_is_imported():
    columns = [
        *({"name": name, "dtype": "float", "unit": "cm"} for name in NAMES),
        {"name": "y", "dtype": "string", "role": "target", "unit": "1"},
    ]
    spec = {"data": {"columns": columns, "target": "y"}, "gates": {"minimum": 1.01}}

    found = Import(as_onnx(CLASSIFIER), sample(KINDS), spec=spec).run()

    assert not found.evaluate.passed
    assert "below the minimum" in found.evaluate.reasons[0]


def test_imported_model_is_not_trained_when_its_spec_is_started():
    spec = Import(as_onnx(CLASSIFIER), sample(KINDS), target="y").run().spec
    event = CollectEvent(training_id="foreign-1", spec=spec)
    nothing = SimpleNamespace()

    with pytest.raises(InvalidSpecError, match="cannot be trained"):
        collect(event, store=nothing, datasets=nothing, reader=nothing)


@pytest.mark.parametrize(
    "changes",
    [
        {"estimator": {"class": "imported.onnx", "params": {}}},
        {"estimator": {"class": "imported.onnx", "params": {"sha256": "a" * 63}}},
        {"estimator": {"class": "imported.onnx", "params": {"sha256": "a" * 64 + "\n"}}},
        {"estimator": {"class": "imported.pickle", "params": {"sha256": "a" * 64}}},
        {"pair": {"preprocessor": "other"}},
        {"schedule": {"every_hours": 24}},
    ],
)
def test_spec_is_refused_when_it_would_train_or_build_what_was_imported(changes):
    spec = Import(as_onnx(CLASSIFIER), sample(KINDS), target="y").run().spec
    with pytest.raises(InvalidSpecError):
        read_spec({**spec, **changes})


def test_import_is_refused_when_the_name_is_that_of_another_owners_model():
    mine = Import(as_onnx(CLASSIFIER), sample(KINDS), target="y")
    mine.register()
    other = Import(as_onnx(REGRESSION), sample(SIZES), target="y", spec={"owner": "others"})
    other.registry = mine.registry

    with pytest.raises(ConflictError, match="a model of tests"):
        other.register()

    assert mine.registry.model("foreign").owner == "tests"
    assert len(mine.registry.versions("foreign")) == 1


def test_import_is_refused_when_its_file_says_that_it_was_trained_here():
    done = Import(as_pickle(CLASSIFIER), sample(KINDS), target="y", trusted=True)
    spec = msgspec.to_builtins(done.run().spec)
    spec["estimator"] = {"class": "sklearn.linear_model.LogisticRegression"}

    with pytest.raises(InvalidSpecError, match="does not make"):
        done.register(spec=spec)


def test_import_is_refused_when_a_row_is_answered_otherwise_without_the_others():
    total = helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1)
    share = helper.make_node("Div", ["x", "sum"], ["shares"])
    line = helper.make_node(
        "LinearRegressor", ["shares"], ["y"], domain="ai.onnx.ml",
        coefficients=[1.0, 1.0, 1.0], intercepts=[0.0], targets=1,
    )  # fmt: skip
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])]
    graph = helper.make_graph([total, share, line], "g", inputs, outputs)
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=9)

    with pytest.raises(InvalidInputError, match="no others"):
        Import(model.SerializeToString(), sample()).run()
