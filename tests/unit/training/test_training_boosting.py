"""LightGBM and XGBoost: fitted, exported exactly, and refused where their layer is not."""

from __future__ import annotations

import io
import sys

import joblib
import numpy as np
import pytest
from fakes.training import Training, as_csv, flower_spec, flowers
from servery.adapters.onnx_exporter import export
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.adapters.sklearn_pipeline import build_pipeline
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Runtime
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.spec_rules import read_spec
from servery.errors import InvalidSpecError, RejectedError
from sklearn.pipeline import make_pipeline

CLASSIFIERS = ["lightgbm.LGBMClassifier", "xgboost.XGBClassifier"]
REGRESSORS = ["lightgbm.LGBMRegressor", "xgboost.XGBRegressor"]
FEW = {"n_estimators": 20}


def _classifier(path, params=FEW, **more):
    return flower_spec(estimator={"class": path, "params": params}, **more)


def _regressor(path, params=FEW):
    spec = flower_spec(
        estimator={"class": path, "params": params}, task="regression", metric="rmse"
    )
    columns = [dict(column) for column in spec["data"]["columns"]]
    columns[1]["role"], columns[3]["role"] = "target", "ignored"
    return {**spec, "data": {**spec["data"], "target": "width", "columns": columns}}


@pytest.mark.parametrize("path", CLASSIFIERS)
def test_graph_answers_with_the_classes_when_they_are_texts(path):
    run = Training(_classifier(path), as_csv(flowers(200))).run()

    proof = run.file("export.json")["parity"]
    assert proof["exported"], proof
    assert run.manifest().signature.output.classes == ["low", "small", "tall"]
    assert set(run.manifest().sample.classes) <= {"low", "small", "tall"}


@pytest.mark.parametrize("path", CLASSIFIERS)
@pytest.mark.parametrize(("dtype", "labels"), [("int", [3, 7, 9]), ("bool", [True, False, False])])
def test_graph_answers_with_the_classes_when_they_are_numbers(path, dtype, labels):
    spec = _classifier(path)
    spec["data"]["columns"][-1]["dtype"] = dtype
    kinds = dict(zip(("low", "small", "tall"), labels, strict=True))
    rows = [{**row, "kind": str(kinds[row["kind"]]).lower()} for row in flowers(200)]

    run = Training(spec, as_csv(rows)).run()

    assert run.file("export.json")["parity"]["exported"]
    assert run.manifest().signature.output.classes == sorted(set(labels))


@pytest.mark.parametrize("path", REGRESSORS)
def test_graph_answers_alike_when_values_are_predicted(path):
    run = Training(_regressor(path), as_csv(flowers(200))).run()

    assert run.file("export.json")["parity"]["exported"]


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
def test_libraries_are_in_the_manifest_when_boosting_is_trained(path):
    spec = _classifier(path) if path in CLASSIFIERS else _regressor(path)

    libraries = Training(spec, as_csv(flowers())).run().manifest().libraries

    assert {path.partition(".")[0], "onnxmltools", "scikit-learn"} <= libraries.keys()


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
def test_numbers_are_not_scaled_when_the_estimator_boosts_trees(path):
    spec = _classifier(path) if path in CLASSIFIERS else _regressor(path)
    prepared = build_pipeline(read_spec(spec)).named_steps["preprocessing"]

    assert prepared.transformers[0][1] == "passthrough"


def _fitted(path, rows, target):
    spec = _classifier(path) if path in CLASSIFIERS else _regressor(path)
    estimator = build_pipeline(read_spec(spec)).named_steps["estimator"]
    return make_pipeline(estimator).fit(rows, target)


def _graph(pipeline, width, path):
    file = io.BytesIO()
    joblib.dump(pipeline, file)
    content = file.getvalue()
    classifies = path in CLASSIFIERS
    signature = Signature(
        task=Task.CLASSIFICATION if classifies else Task.REGRESSION,
        inputs=[Field(name=f"x{i}", dtype=Dtype.FLOAT) for i in range(width)],
        output=Output(
            name="y",
            dtype=Dtype.STRING if classifies else Dtype.FLOAT,
            classes=["no", "yes"] if classifies else None,
            probabilities=classifies,
        ),
    )
    graphs = export(content, digest=digest_bytes(content), signature=signature)
    return OnnxRuntime.load(graphs[-1], digest=digest_bytes(graphs[-1]), signature=signature)


def _compare(path, pipeline, graph, rows):
    found, scores = graph.predict(rows, None)
    expected = pipeline.predict(rows)
    if path in CLASSIFIERS:
        assert (found == expected).all()
        assert np.abs(scores - pipeline.predict_proba(rows)).max() < 1e-5
    else:
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def _noisy(rows, path):
    """Steps so large that a row on the wrong side of a threshold is told from rounding."""
    if path in CLASSIFIERS:
        return np.where((rows[:, 0] * 1000 % 2) > 1, "yes", "no")
    return np.where((rows[:, 0] * 1000 % 2) > 1, 100.0, -100.0)


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
def test_boosting_is_exact_when_values_are_neighbours_of_32_bits(path):
    random = np.random.default_rng(0)
    rows = random.uniform(0, 1, (2000, 3)).astype(np.float32)
    pipeline = _fitted(path, rows, _noisy(rows, path))
    graph = _graph(pipeline, 3, path)

    middles = _thresholds(pipeline[-1])
    assert len(middles) > 20
    near = np.unique(middles.astype(np.float32))
    column = np.concatenate(
        [near, np.nextafter(near, np.float32(9)), np.nextafter(near, -np.float32(9))]
    )
    asked = np.repeat(column[:, None], 3, axis=1)

    _compare(path, pipeline, graph, asked)


def _thresholds(estimator):
    booster = estimator.booster_ if hasattr(estimator, "booster_") else estimator.get_booster()
    found = booster.trees_to_dataframe()
    column = found["threshold"] if "threshold" in found else found["Split"]
    return column.dropna().to_numpy(dtype=np.float64)


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
def test_boosting_is_exact_when_values_are_missing(path):
    random = np.random.default_rng(1)
    rows = random.uniform(-1, 1, (500, 3)).astype(np.float32)
    rows[random.uniform(size=rows.shape) < 0.2] = np.nan
    target = np.where(np.isnan(rows[:, 0]), 1.0, 0.0) + (np.nan_to_num(rows[:, 1]) > 0)
    if path in CLASSIFIERS:
        target = np.where(target > 0.5, "yes", "no")
    pipeline = _fitted(path, rows, target)

    asked = np.array([[np.nan] * 3, [0, 0, 0], [0.5, np.nan, -0.5], [np.nan, 0.1, 0]], np.float32)
    _compare(path, pipeline, _graph(pipeline, 3, path), np.vstack([rows, asked]))


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
def test_joblib_answers_alike_when_it_is_read_again(path):
    spec = _classifier(path) if path in CLASSIFIERS else _regressor(path)
    runs = [Training(spec, as_csv(flowers())).run("train") for _ in range(2)]

    assert runs[0].state["train"]["digest"] == runs[1].state["train"]["digest"]


@pytest.mark.parametrize("path", [*CLASSIFIERS, *REGRESSORS])
@pytest.mark.parametrize("name", ["zero_as_missing", "output_model", "nthread_"])
def test_spec_is_refused_when_it_names_a_parameter_that_the_class_has_not(path, name):
    params = {name: True}
    spec = _classifier(path, params) if path in CLASSIFIERS else _regressor(path, params)

    with pytest.raises(InvalidSpecError, match="has no such parameter") as caught:
        Training(spec, as_csv(flowers())).run("train")
    assert caught.value.violations[0].field == f"estimator.params.{name}"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("lightgbm.LGBMClassifier", {"num_leaves": 1}),
        ("xgboost.XGBClassifier", {"max_depth": -5}),
    ],
)
def test_training_is_rejected_when_the_library_refuses_the_parameters(path, params):
    with pytest.raises(RejectedError, match="refuses to fit"):
        Training(_classifier(path, params), as_csv(flowers())).run("train")


@pytest.mark.parametrize("path", CLASSIFIERS)
def test_sentence_says_what_to_deploy_when_the_layer_is_not_there(path, monkeypatch):
    monkeypatch.setitem(sys.modules, path.partition(".")[0], None)
    monkeypatch.delitem(sys.modules, "servery.adapters.xgboost_labels", raising=False)

    with pytest.raises(InvalidSpecError, match="deploy it with the parameter Boosting=true"):
        Training(_classifier(path), as_csv(flowers())).run("train")


def test_joblib_serves_when_the_graph_would_answer_otherwise():
    forest = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1, "n_estimators": 30}
    spec = _classifier("lightgbm.LGBMClassifier", forest)

    run = Training(spec, as_csv(flowers(200))).run()

    assert run.state["export"]["runtime"] == Runtime.JOBLIB
    assert "held-out rows" in run.state["export"]["runtime_reason"]
