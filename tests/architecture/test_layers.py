"""The real layers: what they weigh, and that each works with nothing else beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from architecture.functions import FOLDER_OF_LAYER, functions, size

MEGABYTE = 1_000_000
LAMBDA_LIMIT = 250 * MEGABYTE
LAMBDA_REFUSES = 250 * 1024 * 1024  # what Lambda means by 250 MB
ONNX_SERVING_LIMIT = 130 * MEGABYTE
FRONT_LIMIT = 25 * MEGABYTE
OURS = {"core": {"servery"}, "own": {"own_models"}}  # what keeps its sources
UNCHECKED_HASH = b"\x01\x00\x00\x00"  # PEP 552: hash-based, source not checked

ALL = sorted(FOLDER_OF_LAYER.values())

FUNCTIONS = functions()
FRONT = [f for f in FUNCTIONS if f.front]


def _unzipped(function, layer, scratch):
    return size(function.code(scratch)) + sum(size(layer(name)) for name in function.layers)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_function_fits_into_lambda_when_unzipped_with_its_layers(function, layer, tmp_path):
    assert _unzipped(function, layer, tmp_path) < LAMBDA_LIMIT


@pytest.mark.slow
def test_every_function_fits_into_lambda_when_built_for_arm(build_script, tmp_path):
    weight = {}
    for name in sorted({name for function in FUNCTIONS for name in function.layers}):
        target = build_script.Target(architecture="arm64", python=build_script.Target().python)
        weight[name] = size(build_script.build(name, tmp_path / name, target))

    for function in FUNCTIONS:
        unzipped = size(function.folder) + sum(weight[name] for name in function.layers)
        assert unzipped < LAMBDA_REFUSES, function.logical_id


def test_serving_package_is_small_when_it_serves_onnx(layer, tmp_path):
    (predictor,) = [f for f in FUNCTIONS if f.room == "predictor"]

    assert predictor.layers == ["core", "onnx"]
    assert _unzipped(predictor, layer, tmp_path) <= ONNX_SERVING_LIMIT


def test_training_libraries_are_absent_when_a_function_serves_onnx(layer):
    shipped = {p.name for name in ("core", "onnx") for p in (layer(name) / "python").iterdir()}

    assert "onnxruntime" in shipped
    assert not shipped & {"sklearn", "scipy", "joblib", "onnx", "skl2onnx", "pyarrow"}


@pytest.mark.parametrize("function", FRONT, ids=lambda f: f.logical_id)
def test_front_function_is_light_when_unzipped(function, layer, tmp_path):
    assert _unzipped(function, layer, tmp_path) <= FRONT_LIMIT


@pytest.mark.parametrize("name", ALL)
def test_every_module_is_compiled_for_good_when_a_layer_is_built(layer, name):
    folder = layer(name) / "python"
    tag = sys.implementation.cache_tag
    sources = {p for p in folder.rglob("*.py") if "__pycache__" not in p.parts}
    compiled = set(folder.rglob("*.pyc"))

    assert {p.relative_to(folder).parts[0] for p in sources} == OURS.get(name, set())
    beside = {p.parent / "__pycache__" / f"{p.stem}.{tag}.pyc" for p in sources}
    assert {p for p in compiled if p.parent.name == "__pycache__"} == beside
    assert compiled
    for path in compiled:
        assert path.read_bytes()[4:8] == UNCHECKED_HASH, path


@pytest.mark.parametrize("name", ALL)
def test_nothing_needless_is_shipped_when_a_layer_is_built(layer, name):
    shipped = [p for p in layer(name).rglob("*") if p.is_file()]

    assert not [p for p in shipped if p.suffix in (".pyi", ".h", ".a", ".pyx")]
    assert not [p for p in shipped if "tests" in p.parts]


def test_numpy_comes_once_when_layers_are_stacked(layer):
    assert not (layer("export") / "python" / "numpy").exists()
    assert (layer("sklearn") / "python" / "numpy").exists()


def _isolated(layer, names, program, *arguments):
    """Run a program on layers alone: no site-packages, no environment, no project."""
    paths = [str(layer(name) / "python") for name in names]
    program = f"import sys\nsys.path[:0] = {paths!r}\n{program}"
    command = [sys.executable, "-S", "-I", "-c", program, *map(str, arguments)]
    linked = ":".join(str(layer(name) / "lib") for name in names)  # as Lambda has /opt/lib
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LD_LIBRARY_PATH": linked}
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def _write_onnx(path):
    from onnx import TensorProto, helper  # noqa: PLC0415 - only these tests need it

    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])]
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "double", inputs, outputs)
    opset = helper.make_opsetid("", 18)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()
    )


def test_onnx_model_runs_when_core_and_onnx_are_all_there_is(layer, tmp_path):
    _write_onnx(tmp_path / "double.onnx")

    said = _isolated(
        layer,
        ["core", "onnx"],
        """
import servery, msgspec, orjson, aws_lambda_powertools
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
print(session.run(None, {"x": numpy.ones((1, 2), numpy.float32)})[0].tolist())
""",
        tmp_path / "double.onnx",
    )

    assert said == "[[2.0, 2.0]]"


def test_pipeline_survives_joblib_when_core_and_sklearn_are_all_there_is(layer, tmp_path):
    said = _isolated(
        layer,
        ["core", "sklearn"],
        """
import joblib, sklearn.datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
x, y = [[0.0], [0.1], [0.9], [1.0]] * 8, ["a", "a", "b", "b"] * 8
HistGradientBoostingClassifier(max_iter=2).fit(x, y)
RandomForestClassifier(3).fit(x, y)
joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), sys.argv[1])
print(joblib.load(sys.argv[1]).predict([[0.0], [1.0]]).tolist())
""",
        tmp_path / "model.joblib",
    )

    assert said == "['a', 'b']"


def test_pipeline_becomes_onnx_when_core_sklearn_and_export_are_all_there_is(layer):
    said = _isolated(
        layer,
        ["core", "sklearn", "export"],
        """
import numpy, onnx, onnxruntime, servery
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
x = numpy.array([[0.0], [0.1], [0.9], [1.0]], numpy.float32)
graph = to_onnx(LogisticRegression().fit(x, [0, 0, 1, 1]), x)
onnx.checker.check_model(graph)
session = onnxruntime.InferenceSession(graph.SerializeToString())
print(session.run(None, {"X": x})[0].tolist())
""",
    )

    assert said == "[0, 0, 1, 1]"


def test_boosting_becomes_onnx_when_all_layers_of_the_export_are_all_there_is(layer):
    said = _isolated(
        layer,
        ["core", "sklearn", "export", "own", "boosting"],
        """
import io, joblib, numpy
from servery.adapters.onnx_exporter import export
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.domain.digest import digest_bytes
from servery.domain.own_classes import own_classes_are
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.spec_rules import read_spec
own_classes_are(lambda: "own_models.clipping.QuantileClipper")
signature = Signature(
    task=Task.CLASSIFICATION,
    inputs=[Field(name="x", dtype=Dtype.FLOAT)],
    output=Output(name="y", dtype=Dtype.STRING, classes=["a", "b"], probabilities=True),
)
columns = [
    {"name": "x", "dtype": "float", "unit": "1"},
    {"name": "y", "dtype": "string", "unit": "1", "role": "target"},
]
clip = [{"columns": ["x"], "steps": [{"class": "own_models.clipping.QuantileClipper"}]}]
x = numpy.linspace(0, 1, 80, dtype=numpy.float32)[:, None]
y = numpy.where(x[:, 0] > 0.5, "b", "a")
for path in ("lightgbm.LGBMClassifier", "xgboost.XGBClassifier"):
    pipeline = build_pipeline(read_spec({
        "name": "m", "owner": "o", "task": "classification", "metric": "accuracy",
        "data": {"uri": "s3://a/b", "target": "y", "columns": columns},
        "estimator": {"class": path, "params": {"n_estimators": 5}}, "preprocessing": clip,
    })).fit(x, y)
    file = io.BytesIO()
    joblib.dump(pipeline, file)
    (graph,) = export(file.getvalue(), digest=digest_bytes(file.getvalue()), signature=signature)
    runtime = OnnxRuntime.load(graph, digest=digest_bytes(graph), signature=signature)
    print(runtime.predict(x, None)[0][[0, -1]].tolist(), pipeline.predict(x[[0, -1]]).tolist())
print(any("/lib/libgomp.so.1" in line for line in open("/proc/self/maps")))
""",
    )

    assert said.splitlines() == ["['a', 'b'] ['a', 'b']"] * 2 + ["True"]


def test_trials_are_proposed_when_core_and_search_are_all_there_is(layer):
    said = _isolated(
        layer,
        ["core", "search"],
        """
import msgspec
from servery.adapters.optuna_sampler import tpe
from servery.domain.search_records import Trial
from servery.domain.search_spec import Search
space = {"x": {"float": [0.001, 10], "log": True}, "n": {"int": [1, 9]}}
search = msgspec.convert({"candidates": [{"class": "a.B", "params": space}]}, Search)
trials = [
    Trial(number=n, round=1, candidate=0, class_path="a.B", point={"x": 0.1 + n, "n": 1 + n % 9},
          state="done", mean=float(n))
    for n in range(9)
]
print(len(tpe(search, trials, count=3, round_number=2, higher_is_better=True)))
assert "sqlalchemy" not in sys.modules
""",
    )

    assert said == "3"


def test_parquet_is_read_when_core_and_columnar_are_all_there_is(layer, tmp_path):
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow.parquet import write_table  # noqa: PLC0415

    table = pa.table({"a": [1.5, None], "b": ["x", "y"]})
    for codec in ("snappy", "zstd", "gzip"):
        write_table(table, tmp_path / f"{codec}.parquet", compression=codec)

    said = _isolated(
        layer,
        ["core", "columnar"],
        """
import pathlib, pyarrow.parquet, servery
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    print(pyarrow.parquet.read_table(path).to_pydict())
""",
        tmp_path,
    )

    assert set(said.splitlines()) == {"{'a': [1.5, None], 'b': ['x', 'y']}"}


def test_foreign_onnx_is_examined_when_neither_scikit_learn_nor_joblib_is_there(layer, tmp_path):
    _write_onnx(tmp_path / "double.onnx")

    said = _isolated(
        layer,
        ["core", "onnx", "onnx_import"],
        """
import importlib.util, pathlib
import servery.usecases.training.importing.open_onnx
from servery.adapters.onnx_import import libraries, read_graph
graph = read_graph(pathlib.Path(sys.argv[1]).read_bytes()).graph
there = [name for name in ("sklearn", "joblib", "skl2onnx") if importlib.util.find_spec(name)]
print(graph.name, sorted(libraries()), there)
""",
        tmp_path / "double.onnx",
    )

    assert said == "double ['numpy', 'onnx', 'onnxruntime', 'python'] []"


def test_foreign_skops_is_read_when_core_sklearn_export_and_skops_are_all_there_is(layer, tmp_path):
    import skops.io  # noqa: PLC0415 - only this test needs it
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    model = DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"])
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(model))

    said = _isolated(
        layer,
        ["core", "sklearn", "export", "skops"],
        """
import pathlib
import servery.usecases.training.importing.open_pipeline
from servery.adapters.skops_import import read_skops
print(read_skops(pathlib.Path(sys.argv[1]).read_bytes()).classes)
""",
        tmp_path / "model.skops",
    )

    assert said == "['a', 'b']"
